"""From what a model writes next to what is shown: generative recommenders, language models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from recommender.checks import check_at_least
from recommender.nudge.title_index import TitleIndex, written_title
from recommender.standing_in import stand_in
from recommender.top_k import check_room
from recommender.unseen import check_view
from simulator.describe import describe
from simulator.domain import BoolArray, Catalogue, IntArray
from simulator.errors import ConfigError
from simulator.interfaces import Learner, Recommender, RoundView, usage_of

HISTORIES_ASKED_TOGETHER = 1_024
"""Histories that a generator gets at a time, at most."""

_NOTHING = -1


@runtime_checkable
class Generator(Protocol):
    """A sequence-to-item model: it reads what a user accepted, and writes what comes next."""

    def generate(self, histories: Sequence[Sequence[str]]) -> Sequence[Any]:
        """What comes next for each history of titles (oldest first), one answer a history.

        An answer is a title, an item id, a catalogue row, or several of them, the best first, as a
        list or as the lines of a text.
        """
        ...


GeneratorLike: TypeAlias = Generator | Callable[[Sequence[Sequence[str]]], Sequence[Any]]
"""An object with `generate(histories)`, or a plain function of them."""


class GeneratedItems:
    """Shows each episode the first k of the items that a generator names and it has not seen.

    A text is matched to the catalogue as LLM-IPP's answers are (`TitleIndex`: case, quotation
    marks, numbering, the place of an article and a missing year do not matter); where no title
    fits, an item's id does. Where several items share a title, the first unseen one is meant. What
    fits nothing and what the episode has seen already is dropped and counted; what then lacks
    `fallback` recommends, and that is counted too. A generator that names several items, the best
    first, needs it less often: an item that was shown and not clicked is not in the history.

    Identical histories are asked once in a round and block.

    Args:
        generator: See `GeneratorLike`. One that also has `learn` learns
            (`simulator.interfaces.Learner`).
        catalogue: Whose titles and ids it writes.
        k: Items an episode, 1 or more; 1 answers with shape (n,), more with (n, k).
        fallback: Who recommends where the generator names too few items. None: it is an error.

    Raises:
        ConfigError: If k is out of range.
    """

    def __init__(
        self,
        generator: GeneratorLike,
        catalogue: Catalogue,
        k: int = 1,
        *,
        fallback: Recommender | None = None,
    ) -> None:
        check_at_least(1, k=k)
        self.generator = generator
        self.k = k
        self.fallback = fallback
        self._titles = catalogue.titles
        self._index = TitleIndex(catalogue.titles)
        self._row_of = {item_id: row for row, item_id in enumerate(catalogue.item_ids)}
        self._counts: Counter[str] = Counter()

    def recommend(self, view: RoundView) -> IntArray:
        """Catalogue rows, int32, shape (n,) or (n, k).

        Raises:
            ConfigError: If the generator does not answer each history, if it names too few items
                and there is no fallback, or if fewer than k items are left for a user.
        """
        check_view(view, len(self._titles))
        check_room(view, self.k)
        answers = self._answers(view)
        chosen = np.full((len(view), self.k), _NOTHING, dtype=np.int32)
        find = cache(self._find)
        for row, answer in enumerate(answers):
            items = self._read(answer, view.seen[row], find)
            chosen[row, : len(items)] = items
        short = np.flatnonzero((chosen == _NOTHING).any(axis=1))
        if len(short):
            first = int(short[0])
            chosen[short] = self._filled(view.take(short), chosen[short], answers[first])
        return chosen[:, 0] if self.k == 1 else chosen

    def _answers(self, view: RoundView) -> list[Any]:
        """What the generator writes, row for row."""
        index: dict[tuple[int, ...], int] = {}
        past = (tuple(view.history[row].tolist()) for row in range(len(view)))
        asked = [index.setdefault(items, len(index)) for items in past]
        histories = [[self._titles[item] for item in row] for row in index]
        function = (
            self.generator.generate if isinstance(self.generator, Generator) else self.generator
        )
        written: list[Any] = []
        for start in range(0, len(histories), HISTORIES_ASKED_TOGETHER):
            part = histories[start : start + HISTORIES_ASKED_TOGETHER]
            answer = function(part)
            if isinstance(answer, str) or len(answer) != len(part):
                raise ConfigError(
                    f"The generator {describe(self.generator)} got {len(part)} histories and must "
                    f"return a list of as many answers; it gave {_shortened(answer)}."
                )
            written.extend(answer)
        return [written[number] for number in asked]

    def _read(
        self, answer: Any, seen: BoolArray, find: Callable[[str | int], Sequence[int]]
    ) -> list[int]:
        """The items to show that an answer names, at most k; what is dropped is counted."""
        items: list[int] = []
        for named in _candidates(answer):
            if len(items) == self.k:
                break
            found = find(named)
            unseen = next((row for row in found if not seen[row] and row not in items), None)
            if unseen is not None:
                items.append(unseen)
                self._counts["generated_shown"] += 1
            else:
                self._counts["generated_seen" if found else "generated_unknown"] += 1
        return items

    def _find(self, named: str | int) -> Sequence[int]:
        """Catalogue rows that a text or a number may stand for."""
        if isinstance(named, int):
            return [named] if 0 <= named < len(self._titles) else []
        title = written_title(named)
        by_id = [self._row_of[text] for text in (named.strip(), title) if text in self._row_of]
        return self._index.find(title) or by_id[:1]

    def _filled(self, view: RoundView, chosen: IntArray, answer: Any) -> IntArray:
        """`chosen` with the fallback's items in the places that have none."""
        if self.fallback is None:
            raise ConfigError(
                f"The generator {describe(self.generator)} named too few unseen items of the "
                f"catalogue for {len(view)} episodes of round {view.round}; the first, user "
                f"{view.user[0]}, got {_shortened(answer)}. Say who recommends then: "
                "GeneratedItems(generate, data.catalogue, "
                "fallback=PopularItems(data.interactions))."
            )
        seen = view.seen.copy()
        named, at = np.nonzero(chosen != _NOTHING)
        seen[named, chosen[named, at]] = True
        for place in range(self.k):
            rows = np.flatnonzero(chosen[:, place] == _NOTHING)
            if len(rows):
                chosen[rows, place] = stand_in(self.fallback, replace(view, seen=seen).take(rows))
                seen[rows, chosen[rows, place]] = True
                self._counts["generated_by_fallback"] += len(rows)
        return chosen

    def learn(self, user: IntArray, shown: IntArray, clicked: BoolArray) -> None:
        """Hand the run so far to a generator that learns."""
        if isinstance(self.generator, Learner):
            self.generator.learn(user, shown, clicked)

    def usage(self) -> Mapping[str, float]:
        """Counters since its making, and the generator's own where it has any.

        `generated_shown`: items shown that the generator named. `generated_unknown`: what fits
        nothing in the catalogue. `generated_seen`: items seen before. `generated_by_fallback`:
        items shown that the fallback chose.
        """
        names = ("shown", "unknown", "seen", "by_fallback")
        own = {f"generated_{name}": float(self._counts[f"generated_{name}"]) for name in names}
        return {**usage_of(self.generator), **own}

    def describe(self) -> str:
        """The generator, k and the fallback."""
        fallback = "none" if self.fallback is None else describe(self.fallback)
        return f"GeneratedItems({describe(self.generator)}, k={self.k}, fallback={fallback})"


def _candidates(answer: Any) -> Iterator[str | int]:
    """The items that an answer names, the best first: lines of texts, and whole numbers."""
    if answer is None:
        return
    if isinstance(answer, str):
        yield from (line for line in answer.splitlines() if written_title(line))
    elif isinstance(answer, int | np.integer):
        yield int(answer)
    elif isinstance(answer, Iterable):
        for part in answer:
            yield from _candidates(part)
    else:
        raise ConfigError(
            f"A generator answers with titles, item ids or catalogue rows; this is {answer!r}."
        )


def _shortened(answer: Any) -> str:
    text = repr(answer)
    return text if len(text) <= 100 else text[:99] + "…"
