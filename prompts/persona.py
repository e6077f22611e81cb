"""What a prompt says of a user beside the history: taste, activity, openness to the new."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_SHOWN_CATEGORIES = 9
"""Categories a side at most: those that tell most."""


@dataclass(frozen=True)
class Leaning:
    """How a user differs from the others in one category.

    Attributes:
        category: Its name.
        points: Percentage points above (or below) what others do, never 0.
    """

    category: str
    points: int

    def __str__(self) -> str:
        return f"{self.category} {self.points:+d}"


@dataclass(frozen=True)
class Persona:
    """A user in a few numbers; `str()` gives the text that shipped templates show.

    All percentages are whole numbers, drawn towards those of others the less is known of the user
    (`prompts.personas`). Where a log has no no-clicks, `click_rate` and `others` are None, and
    points compare the shares of what was taken.

    Attributes:
        language: "zh" for Chinese; any other is English.
        known: From how many items, rounded to 1, 2, 5, 10, 20, 50, ...
        click_rate: How many of 100 shown items the user clicks.
        others: How many of 100 others click of the very same items.
        leanings: Categories in which the user differs from the others by more than the user does
            on the whole, strongest first.
        little_known: The same for the items that others meet least, in points.
        new: The same for the newest items; 0 where the catalogue knows no years.
        words: Free text, by a model or a person; one line, or "".
    """

    language: str
    known: int
    click_rate: int | None
    others: int | None
    leanings: tuple[Leaning, ...]
    little_known: int
    new: int
    words: str = ""

    def __str__(self) -> str:
        lines = self._chinese() if self.language.startswith("zh") else self._english()
        return "\n".join([*lines, self.words] if self.words else lines)

    def more(self) -> tuple[Leaning, ...]:
        """The categories taken more often than others do, at most nine."""
        return tuple(one for one in self.leanings if one.points > 0)[:_SHOWN_CATEGORIES]

    def less(self) -> tuple[Leaning, ...]:
        """The categories taken less often, at most nine."""
        return tuple(one for one in self.leanings if one.points < 0)[:_SHOWN_CATEGORIES]

    def _english(self) -> Iterable[str]:
        rate = ""
        if self.click_rate is not None and self.others is not None:
            of_100 = f"you take {self.click_rate} of 100, others {self.others} of the same"
            rate = f": {of_100}: {self.click_rate - self.others:+d}"
        yield f"About you, from {self.known} items{rate}."
        more, less = (", ".join(map(str, side)) for side in (self.more(), self.less()))
        yield f"More than others: {more or 'nothing'}. Less: {less or 'nothing'}."
        yield f"Little-known items {self.little_known:+d}, new ones {self.new:+d}."

    def _chinese(self) -> Iterable[str]:
        rate = ""
        if self.click_rate is not None and self.others is not None:
            of_100 = f"每100件你选{self.click_rate}件，同样的物品其他人选{self.others}件"
            rate = f"：{of_100}：{self.click_rate - self.others:+d}"
        yield f"关于你（根据{self.known}件物品）{rate}。"
        more, less = ("，".join(map(str, side)) for side in (self.more(), self.less()))
        yield f"比其他人更喜欢：{more or '无'}。更不喜欢：{less or '无'}。"
        yield f"冷门物品{self.little_known:+d}，新物品{self.new:+d}。"
