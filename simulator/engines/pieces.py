"""Texts tokenised piece by piece: what they have in common is tokenised once and remembered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain

from simulator.engines.joints import Joint

Tokenize = Callable[[list[str]], list[list[int]]]
Parts = tuple[str, str, str]

_MOST_TOKENS = 4_000_000
"""Tokens remembered, about 40 bytes each; once past it all is forgotten and learnt anew."""


class PieceTokenizer:
    """Tokenises each distinct piece once; a text's token ids are those of its pieces, end to end.

    Args:
        tokenize: Texts to token ids, without special tokens.
        joint: Where texts are cut; the caller makes sure that the tokenizer allows it.
    """

    def __init__(self, tokenize: Tokenize, joint: Joint) -> None:
        self._tokenize = tokenize
        self._joint = joint
        self._before = tokenize([joint.before])[0]
        self._meetings: dict[tuple[str, str], bool] = {}
        self._forget()

    def encode(
        self, texts: Sequence[Parts], *, first: Sequence[int] = (), last: Sequence[int] = ()
    ) -> list[list[int]] | None:
        """Token ids of texts that are given in three parts, the most constant first.

        Args:
            texts: Beginning, middle and end of each text. A beginning is one piece as far as it
                can be cut off; the rest is cut at every joint.
            first: Token ids to put before each text's own.
            last: Token ids to put after them.

        Returns:
            A list a text; None if a piece does not begin where it was cut.
        """
        if self._tokens > _MOST_TOKENS:
            self._forget()
        plan = self._plan(texts)
        if not self._learn(plan):
            return None
        fronts: dict[int, list[int]] = {}
        ends: dict[int, list[int]] = {}
        out = []
        for front, end in plan:
            if id(front) not in fronts:
                begun = self._beginnings[front[0]] if front else []
                fronts[id(front)] = [*first, *begun, *self._ids(front[1:])]
            if id(end) not in ends:
                ends[id(end)] = [*self._ids(end), *last]
            out.append(fronts[id(front)] + ends[id(end)])
        return out

    def _plan(self, texts: Sequence[Parts]) -> list[tuple[list[str], list[str]]]:
        """Each text's pieces: beginning and middle, and the end; equal ones are the same list."""
        begun: dict[str, list[str]] = {}
        fronts: dict[tuple[str, str], list[str]] = {}
        ends: dict[str, list[str]] = {}
        plan = []
        for beginning, middle, end in texts:
            if beginning not in begun:
                begun[beginning] = self._cut_once(beginning)
            if (beginning, middle) not in fronts:
                cut = self._joint.cut(middle)
                fronts[beginning, middle] = self._joined(begun[beginning], cut)
            if end not in ends:
                ends[end] = self._joint.cut(end)
            front, rest = fronts[beginning, middle], ends[end]
            plan.append(
                (front, rest) if self._meet(front, rest) else (self._joined(front, rest), [])
            )
        return plan

    def _cut_once(self, text: str) -> list[str]:
        """Everything before the last joint as one piece, and what follows it."""
        place = max(self._joint.places(text), default=0)
        return [piece for piece in (text[:place], text[place:]) if piece]

    def _meet(self, left: list[str], right: list[str]) -> bool:
        """Whether there is a joint between the last piece and the first."""
        if not left or not right:
            return False
        seam = left[-1][-3:], right[0][:1]
        if seam not in self._meetings:
            self._meetings[seam] = self._joint.lies_between(*seam)
        return self._meetings[seam]

    def _joined(self, left: list[str], right: list[str]) -> list[str]:
        """The pieces of both; where they do not meet in a joint, two become one."""
        if not left or not right or self._meet(left, right):
            return left + right
        return [*left[:-1], left[-1] + right[0], *right[1:]]

    def _learn(self, plan: Sequence[tuple[list[str], list[str]]]) -> bool:
        """Tokenise what is new in one call; False if a piece is joined to what is before it."""
        fronts = {id(front): front for front, _ in plan}.values()
        ends = {id(end): end for _, end in plan}.values()
        beginnings = _new((front[:1] for front in fronts), self._beginnings)
        pieces = _new(chain((front[1:] for front in fronts), ends), self._pieces)
        if not beginnings and not pieces:
            return True
        before, skip = self._joint.before, len(self._before)
        tokenised = self._tokenize([*beginnings, *(before + piece for piece in pieces)])
        self._tokens += sum(len(ids) for ids in tokenised)
        self._beginnings.update(zip(beginnings, tokenised, strict=False))
        for piece, ids in zip(pieces, tokenised[len(beginnings) :], strict=True):
            if ids[:skip] != self._before:
                return False
            self._pieces[piece] = ids[skip:]
        return True

    def _ids(self, pieces: Sequence[str]) -> chain[int]:
        return chain.from_iterable(map(self._pieces.__getitem__, pieces))

    def _forget(self) -> None:
        self._beginnings: dict[str, list[int]] = {}
        self._pieces: dict[str, list[int]] = {}
        self._tokens = 0


def _new(lists: Iterable[list[str]], known: Collection[str]) -> list[str]:
    """The distinct texts that are not known yet, in order of first sight."""
    return [text for text in dict.fromkeys(chain.from_iterable(lists)) if text not in known]
