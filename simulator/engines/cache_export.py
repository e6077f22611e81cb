"""All that the decision cache holds, as a table."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from simulator.engines.decision_cache import DecisionCache, date_of
from simulator.errors import CacheError, ConfigError
from simulator.files import atomic_write

_EXPORTED = 100_000
"""Decisions that are held in memory at a time."""

COLUMNS = (
    "engine",
    "model",
    "revision",
    "precision",
    "key",
    "probabilities",
    "mass",
    "text",
    "kept",
    "used",
)
"""Of an export: `key` in hexadecimal; `probabilities` as JSON, label by label, to float32's last
bit; `text` for generated answers; days of keeping and of last use."""


def export(cache: DecisionCache, path: Path) -> int:
    """Write all decisions as a table with the columns `COLUMNS`.

    Args:
        cache: Read a part at a time.
        path: Ends with .parquet or .csv.

    Returns:
        How many there are.

    Raises:
        ConfigError: If the path ends otherwise.
        CacheError: If the file cannot be read.
    """
    if path.suffix not in (".parquet", ".csv"):
        raise ConfigError(f"{path} must end with .parquet or .csv.")
    path.parent.mkdir(parents=True, exist_ok=True)
    return _write_parquet(cache, path) if path.suffix == ".parquet" else _write_csv(cache, path)


def _tables(cache: DecisionCache) -> Iterator[pd.DataFrame]:
    """All decisions, at least one table, in the order of the file."""
    after = (-1, b"")
    while True:
        with cache.file.reading() as connection:
            rows = connection.execute(
                "SELECT origin, key, engine, model, revision, precision, asked, answer, kept, used "
                "FROM decisions JOIN origins ON origins.id = origin "
                "WHERE (origin, key) > (?, ?) ORDER BY origin, key LIMIT ?",
                (*after, _EXPORTED),
            ).fetchall()
        with cache.file.understood():
            table = pd.DataFrame([_exported(cache, row) for row in rows], columns=COLUMNS)
        yield table
        if len(rows) < _EXPORTED:
            return
        after = rows[-1][:2]


def _exported(cache: DecisionCache, row: tuple[Any, ...]) -> tuple[Any, ...]:
    _, key, *origin, asked, answer, kept, used = row
    labels, form = _form(asked)
    probabilities, mass, text = "", math.nan, ""
    if not labels:
        text = str(answer)
    else:
        try:
            *shares, mass = struct.unpack(f"<{labels + 1}f", answer)
        except (struct.error, TypeError) as error:
            raise CacheError(
                f"{cache.path} holds answers that are none, so it is damaged; delete it."
            ) from error
        probabilities = form % tuple(shares)
    return (*origin, key.hex(), probabilities, mass, text, _iso(kept), _iso(used))


@lru_cache
def _form(asked: str) -> tuple[int, str]:
    """How many labels, 0 for texts, and their probabilities as JSON, to be filled in."""
    labels = json.loads(asked).get("labels", [])
    names = (json.dumps(label, ensure_ascii=False).replace("%", "%%") for label in labels)
    # Nine digits are enough to find a float32 again.
    return len(labels), "{" + ", ".join(f"{name}: %.9g" for name in names) + "}"


@lru_cache
def _iso(day: int) -> str:
    return date_of(day).isoformat()


def _write_parquet(cache: DecisionCache, path: Path) -> int:
    import pyarrow
    import pyarrow.parquet

    written = 0
    with atomic_write(path) as file:
        writer = None
        for table in _tables(cache):
            part = pyarrow.Table.from_pandas(table, schema=_schema(), preserve_index=False)
            writer = writer or pyarrow.parquet.ParquetWriter(file, part.schema, compression="zstd")
            writer.write_table(part)
            written += len(table)
        assert writer is not None
        writer.close()
    return written


def _schema() -> Any:
    import pyarrow

    types = {"mass": pyarrow.float32()}
    return pyarrow.schema([(name, types.get(name, pyarrow.string())) for name in COLUMNS])


def _write_csv(cache: DecisionCache, path: Path) -> int:
    written = 0
    with atomic_write(path) as file:
        for table in _tables(cache):
            table.to_csv(file, index=False, header=written == 0)
            written += len(table)
    return written
