"""The lab book: every evaluation ever made, and how often the test users were looked at."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from simulator.errors import ConfigError, UnknownNameError
from simulator.files import cache_folder
from simulator.lab.book_file import BookFile
from simulator.lab.evaluation import COMPARED, MEASURES, Evaluation
from simulator.lab.sittings import RUNG, Sitting
from simulator.lab.variants import Variant

_LOWER_IS_BETTER = frozenset({"log_loss", "brier", "calibration_error", "tokens", "seconds"})

_SAME = ("data_sha256", "split", "seed", "exposures", "engine", "model", "revision", "mode")
_SAME_PROMPT = ("minimum_mass", "template_sha256", "static_sha256")
"""Evaluations that are equal in all of these repeat each other."""


class Book:
    """The book; any number of processes may write in it at once.

    Args:
        path: `prompts.sqlite` in nudgesim's cache folder by default; made where it is missing.

    Raises:
        DataError: If the file is damaged, of another version, something else, or cannot be
            written; from every method.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self.file = BookFile(Path(path) if path else cache_folder() / "prompts.sqlite")

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self.file.path

    def begin(self, sitting: Sitting) -> tuple[int, int]:
        """Enter a sitting, before anybody is asked.

        Returns:
            Its number, and how often these users have been looked at, this time included.
        """
        values = {"made": datetime.now(UTC).isoformat(timespec="seconds"), **asdict(sitting)}
        with self.file.writing() as connection:
            number = _insert(connection, "sittings", values)
            looks = _looks(connection, sitting.data, sitting.data_sha256, sitting.split)
        return number, looks

    def looks(self, data: str, data_sha256: str, split: str) -> int:
        """How many sittings looked at these users."""
        with self.file.reading() as connection:
            return _looks(connection, data, data_sha256, split)

    def test_looks(self) -> dict[str, int]:
        """How many sittings looked at the test users of each data set, by its name."""
        with self.file.reading() as connection:
            rows = connection.execute(
                "SELECT data, count(*) FROM sittings WHERE split = 'test' "
                "GROUP BY data ORDER BY data"
            ).fetchall()
        return {str(data): int(looks) for data, looks in rows}

    def keep(self, number: int, evaluation: Evaluation) -> None:
        """Enter what a sitting found, all or nothing."""
        board = evaluation.board()
        with self.file.writing() as connection:
            for name, variant in evaluation.variants.items():
                row = board.loc[name].to_dict() if name in board.index else {}
                template = variant.template
                for digest, text in (
                    (template.sha256, template.text),
                    (variant.static_sha256, variant.static),
                ):
                    connection.execute("INSERT OR IGNORE INTO texts VALUES (?, ?)", (digest, text))
                entry = _insert(
                    connection,
                    "evaluations",
                    {
                        "sitting": number,
                        **_described(variant),
                        "incumbent": int(name == evaluation.incumbent),
                        **{cost: _plain(row.get(cost)) for cost in _COSTS},
                        "failure": str(row.get("failure") or ""),
                        "refused": evaluation.refused.get(name, ""),
                    },
                )
                for figures in _figures(evaluation, name):
                    _insert(connection, "figures", {"evaluation": entry, **figures})

    def board(
        self,
        *,
        data: str | None = None,
        model: str | None = None,
        split: str | None = None,
        sort: str = "log_loss",
        everything: bool = False,
    ) -> pd.DataFrame:
        """The evaluations, a row each, indexed by number; the best first.

        Args:
            data: Only of this data set.
            model: Only of this model.
            split: Only on these users.
            sort: A column; "made" has the newest first.
            everything: With the rungs of races, and with evaluations that repeat others. Else
                only the newest of each is there, and `times` says how often it was made.

        Returns:
            Columns of the tables `sittings` and `evaluations`, `against` (the number of the
            incumbent's evaluation, an incumbent's own for itself), for each measure its value,
            `..._low` and `..._high`, and `..._difference`, `..._difference_low`,
            `..._difference_high`, `..._p` where it was compared.

        Raises:
            UnknownNameError: If there is no such column.
        """
        with self.file.understood():
            table = self._read()
        for column, wanted in (("data", data), ("model", model), ("split", split)):
            if wanted is not None:
                table = table[table[column] == wanted]
        if not everything:
            table = table[table["purpose"] != RUNG]
            same = [*_SAME, *_SAME_PROMPT]
            table["times"] = table.groupby(same)["made"].transform("size")
            # Of repeats the newest that was held against another prompt, where any was.
            alone = (table["against"] == table.index).sort_values(ascending=False, kind="stable")
            repeated = table.loc[alone.index].duplicated(same, keep="last")
            table = table[~repeated.reindex(table.index)]
        if sort not in table.columns:
            raise UnknownNameError("column", sort, table.columns)
        return table.sort_values(
            sort, ascending=sort in _LOWER_IS_BETTER, kind="stable", na_position="last"
        )

    def text(self, number: int) -> str:
        """The whole template file of an evaluation, as it was.

        Raises:
            ConfigError: If the book has no evaluation of this number.
        """
        with self.file.reading() as connection:
            row = connection.execute(
                "SELECT text FROM texts JOIN evaluations ON sha256 = template_sha256 WHERE id = ?",
                (number,),
            ).fetchone()
        if row is None:
            raise ConfigError(
                f"{self.path} has no evaluation number {number}; `nudgesim prompts board` lists "
                "them."
            )
        return str(row[0])

    def _read(self) -> pd.DataFrame:
        with self.file.reading() as connection:
            rows = _table(
                connection,
                "SELECT evaluations.id AS number, evaluations.*, sittings.* FROM evaluations "
                "JOIN sittings ON sittings.id = sitting ORDER BY evaluations.id",
            )
            figures = _table(connection, "SELECT * FROM figures")
        rows = rows.set_index("number")
        incumbents = rows[rows["incumbent"] == 1].reset_index().set_index("sitting")["number"]
        rows["against"] = rows["sitting"].map(incumbents)
        rows = rows.drop(columns=["id", "sitting", "incumbent"])
        wide = figures.pivot(index="evaluation", columns="measure")
        parts, measures = (wide.columns.get_level_values(level) for level in (0, 1))
        wide.columns = pd.Index([_column(m, p) for p, m in zip(parts, measures, strict=True)])
        columns = [
            _column(measure, part)
            for measure in MEASURES
            for part in (_LEVELS if measure not in COMPARED else (*_LEVELS, *_GAPS))
        ]
        return rows.join(wide.reindex(columns=columns).astype(float))


_LEVELS = ("value", "low", "high")
_GAPS = ("difference", "difference_low", "difference_high", "p")
_COSTS = ("tokens", "new_tokens", "seconds", "asked", "from_cache", "failures")


def _table(connection: sqlite3.Connection, query: str) -> pd.DataFrame:
    done = connection.execute(query)
    names = [column[0] for column in done.description]
    table = pd.DataFrame(done.fetchall(), columns=names)
    # Both tables have an id; numbers that are all missing are numbers still.
    table = table.loc[:, ~table.columns.duplicated()]
    return table.astype({name: float for name in _COSTS if name in table})


def _column(measure: str, part: str) -> str:
    return measure if part == "value" else f"{measure}_{part}"


def _looks(connection: sqlite3.Connection, data: str, data_sha256: str, split: str) -> int:
    found = connection.execute(
        "SELECT count(*) FROM sittings WHERE data = ? AND data_sha256 = ? AND split = ?",
        (data, data_sha256, split),
    )
    return int(found.fetchone()[0])


def _described(variant: Variant) -> dict[str, Any]:
    template = variant.template
    shown = "" if template.front_matter.categories else ", no categories"
    shown += "" if variant.personas is None else ", with personas"
    return {
        "prompt": template.name.split(" [")[0],
        "version": template.version,
        "variant": variant.what,
        "template_sha256": template.sha256,
        "static_sha256": variant.static_sha256,
        "labels": "/".join(template.labels.pair),
        "history": f"{template.history.window}, drops {template.history.drop}{shown}",
        "examples": f"{len(variant.examples)} ({variant.shown})",
    }


def _figures(evaluation: Evaluation, name: str) -> list[dict[str, Any]]:
    levels = evaluation.measures[evaluation.measures["variant"] == name]
    gaps = evaluation.differences[evaluation.differences["variant"] == name]
    by_measure = {str(gap["measure"]): gap for gap in gaps.to_dict("records")}
    out = []
    for level in levels.to_dict("records"):
        gap = by_measure.get(str(level["measure"]), {})
        out.append(
            {
                "measure": level["measure"],
                "value": _plain(level["value"]),
                "low": _plain(level["low"]),
                "high": _plain(level["high"]),
                "difference": _plain(gap.get("difference")),
                "difference_low": _plain(gap.get("low")),
                "difference_high": _plain(gap.get("high")),
                "p": _plain(gap.get("p_corrected")),
            }
        )
    return out


def _plain(value: Any) -> float | None:
    """A number for SQLite, which keeps NaN as NULL."""
    return None if value is None or math.isnan(value) else float(value)


def _insert(connection: sqlite3.Connection, table: str, values: Mapping[str, Any]) -> int:
    """Add a row; the names are our own."""
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    done = connection.execute(
        f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values())
    )
    return int(done.lastrowid or 0)
