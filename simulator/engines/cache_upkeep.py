"""What the decision cache holds, and which of it may go."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

from simulator.engines.decision_cache import DecisionCache, Origin, date_of, day_of
from simulator.errors import ConfigError, UnknownNameError

_ROW_BYTES = 30
"""Of a decision in a packed file, beside its answer."""

_FILE_BYTES = 32_768
"""Of a file without decisions."""


@dataclass(frozen=True)
class Holding:
    """The decisions of one origin.

    Attributes:
        origin: Whose they are.
        decisions: How many.
        first: The day the first was kept.
        last: The day one was last used.
    """

    origin: Origin
    decisions: int
    first: date
    last: date


@dataclass(frozen=True)
class Pruned:
    """What pruning took away, or would take.

    Attributes:
        decisions: How many went.
        left: How many stay.
        bytes_before: Size of the file before.
        bytes_after: And after; the same in a dry run.
    """

    decisions: int
    left: int
    bytes_before: int
    bytes_after: int


def holdings(cache: DecisionCache) -> list[Holding]:
    """What the cache holds, the most lately used first."""
    with cache.file.reading() as connection:
        rows = connection.execute(
            "SELECT engine, model, revision, precision, asked, count(*), min(kept), max(used) "
            "FROM decisions JOIN origins ON origins.id = origin "
            "GROUP BY origin ORDER BY max(used) DESC, count(*) DESC"
        ).fetchall()
    with cache.file.understood():
        return [Holding(_origin(row), row[5], date_of(row[6]), date_of(row[7])) for row in rows]


def _origin(row: tuple[Any, ...]) -> Origin:
    """From its five columns; what was asked must be a JSON object."""
    engine, model, revision, precision, asked = map(_text, row[:5])
    if not isinstance(json.loads(asked), dict):
        raise TypeError
    return Origin(engine, model, revision, precision, asked)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def size(cache: DecisionCache) -> int:
    """Bytes of the file and of the log beside it."""
    log = cache.path.with_name(cache.path.name + "-wal")
    return cache.path.stat().st_size + (log.stat().st_size if log.exists() else 0)


def prune(
    cache: DecisionCache,
    *,
    older_than: int | None = None,
    model: str | None = None,
    max_bytes: int | None = None,
    dry_run: bool = False,
) -> Pruned:
    """Take decisions away, and give their room back to the disk.

    Args:
        cache: Other processes may go on using it.
        older_than: Those go that no run has used for more days than this.
        model: Only this model's may go; alone, all of them do.
        max_bytes: Then the least recently used go until the file is no larger.
        dry_run: Only count.

    Raises:
        ConfigError: If nothing is asked for, or a number is below 0.
        UnknownNameError: If the cache holds nothing of that model.
        CacheError: If the file cannot be written.
    """
    if older_than is None and model is None and max_bytes is None:
        raise ConfigError("Say what to prune: --older-than DAYS, --model NAME or --max-size MB.")
    if min(older_than or 0, max_bytes or 0) < 0:
        raise ConfigError("--older-than and --max-size must not be below 0.")
    known = {holding.origin.model for holding in holdings(cache)}
    if model is not None and model not in known:
        raise UnknownNameError(f"model in {cache.path}", model, known)
    before = size(cache)
    room, total = max_bytes, 0
    while True:
        gone, left = _delete(cache, older_than, model, room, dry_run)
        total += gone
        if dry_run:
            return Pruned(total, left, before, before)
        packed = _pack(cache)
        if room is None or max_bytes is None or packed <= max_bytes or not gone:
            return Pruned(total, left, before, size(cache))
        # Long texts take up more room than was reckoned with.
        room = int(room * max_bytes / packed)


def _pack(cache: DecisionCache) -> int:
    """Give free pages back to the disk: bytes of what is left."""
    with cache.file.reading() as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        return int(pages * connection.execute("PRAGMA page_size").fetchone()[0])


class _OnlyCountedError(Exception):
    """Undoes a dry run."""


def _delete(
    cache: DecisionCache,
    older_than: int | None,
    model: str | None,
    max_bytes: int | None,
    dry_run: bool,
) -> tuple[int, int]:
    """How many decisions go, and how many stay."""
    ours = "origin IN (SELECT id FROM origins WHERE ?1 IS NULL OR model = ?1)"
    gone = left = 0
    with suppress(_OnlyCountedError), cache.file.writing() as connection:
        if older_than is not None or max_bytes is None:
            unused = -1 if older_than is None else older_than
            gone += connection.execute(
                f"DELETE FROM decisions WHERE {ours} AND used < ?2",
                (model, day_of(time.time()) - unused),
            ).rowcount
        if max_bytes is not None:
            # The room of the others is counted first, then ours from the last used on.
            gone += connection.execute(
                "DELETE FROM decisions WHERE (origin, key) IN (SELECT origin, key FROM ("
                f"SELECT origin, key, {ours} AS may_go, sum({_ROW_BYTES} + length(answer)) "
                f"OVER (ORDER BY {ours}, used DESC, origin, key) AS bytes FROM decisions"
                ") WHERE may_go AND bytes > ?2)",
                (model, max_bytes - _FILE_BYTES),
            ).rowcount
        left = connection.execute("SELECT count(*) FROM decisions").fetchone()[0]
        if dry_run:
            raise _OnlyCountedError
    return gone, left
