"""Tables in terminals of any width: no figure is ever cut."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from evals.tables import Table
from evals.terminal import TerminalTable

COLUMNS = ("model", *(f"measure-{k}" for k in range(9)))
ROWS = (
    ("agent:model=pocket,engine=transformers", *(f"0.{k}23±0.045" for k in range(9))),
    ("popularity", *(f"0.{k}67±0.089" for k in range(8)), ""),
)


def printed(width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(TerminalTable(Table("What was found", COLUMNS, ROWS)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120, 400])
def test_every_cell_is_printed_whole(width: int) -> None:
    text = printed(width)
    for cell in (*COLUMNS[1:], *ROWS[0], *ROWS[1]):
        assert cell in text
    assert "…" not in text


def test_a_wide_terminal_has_a_line_a_row_and_a_narrow_one_a_line_a_cell() -> None:
    (line,) = [line for line in printed(400).splitlines() if "popularity" in line]
    assert "0.067±0.089" in line
    narrow = printed(80).splitlines()
    at = [line.strip() for line in narrow].index("popularity")
    assert narrow[at + 1].split() == ["measure-0", "0.067±0.089"]
    assert not any("measure-8" in line for line in narrow[at:])  # an empty cell says nothing
