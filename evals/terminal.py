"""Tables in a terminal: side by side where they fit, else a block a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table as RichTable

    from evals.tables import Table

_UNBOUNDED = 10_000


class TerminalTable:
    """A table as rich prints it, whatever the terminal's width.

    Where a line has no room for every column's longest word, rows are printed one below the other,
    a line a cell, as database shells do: no figure is ever cut.

    Args:
        table: What to print.
    """

    def __init__(self, table: Table) -> None:
        self.table = table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Whichever of the two forms fits."""
        from rich.measure import Measurement

        wide = self._side_by_side()
        needed = Measurement.get(console, options.update(width=_UNBOUNDED), wide).minimum
        if needed <= options.max_width:
            yield wide
        else:
            yield from self._one_below_the_other()

    def _side_by_side(self) -> RichTable:
        from rich import box
        from rich.table import Table as RichTable
        from rich.text import Text

        rich = RichTable(
            title=Text(f"\n{self.table.title}"),
            title_justify="left",
            box=box.SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
        )
        for place, column in enumerate(self.table.columns):
            rich.add_column(Text(column), justify="left" if place < self.table.names else "right")
        for row in self.table.rows:
            rich.add_row(*(Text(cell) for cell in row))
        return rich

    def _one_below_the_other(self) -> RenderResult:
        from rich.table import Table as RichTable
        from rich.text import Text

        names = self.table.names
        yield Text(f"\n{self.table.title}", style="italic")
        for row in self.table.rows:
            yield Text(" · ".join(cell for cell in row[:names] if cell), style="bold")
            block = RichTable.grid(padding=(0, 2))
            for column, cell in zip(self.table.columns[names:], row[names:], strict=True):
                if cell:
                    block.add_row(Text(f"  {column}"), Text(cell))
            yield block
