"""Texts tokenised piece by piece: what they have in common is tokenised once and remembered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from simulator.engines.joints import Joint

Tokenize = Callable[[list[str]], list[list[int]]]
Parts = tuple[str, str, str]

_MOST_TOKENS = 4_000_000
"""Tokens remembered, about 40 bytes each; once past it all is forgotten and learnt anew."""


@dataclass(eq=False, slots=True)
class _Cut:
    """A text, or a part of one, in pieces.

    Attributes:
        start: The piece with which a text starts; "" for what stands further back.
        pieces: The other pieces.
        ids: Token ids of `pieces`, end to end, once they are known.
    """

    start: str
    pieces: list[str]
    ids: list[int] = field(default_factory=list)

    @property
    def end(self) -> str:
        """The last piece of all; "" where there is none."""
        return self.pieces[-1] if self.pieces else self.start


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
        self._fronts: dict[tuple[str, str], _Cut] = {}
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
        if not self._learn(list({id(cut): cut for cuts in plan for cut in cuts}.values())):
            return None
        starts = {
            start: [*first, *self._starts[start]] for start in {front.start for front, _ in plan}
        }
        ends = {id(end): [*end.ids, *last] for end in {end for _, end in plan}}
        return [starts[front.start] + (front.ids + ends[id(end)]) for front, end in plan]

    def _plan(self, texts: Sequence[Parts]) -> list[tuple[_Cut, _Cut]]:
        """Each text as beginning and middle, and end; equal ones are the same object."""
        # Prompts are often encoded twice in a row, for a cache and for an engine.
        known, self._fronts = self._fronts, {}
        beginnings: dict[str, list[str]] = {}
        ends: dict[str, _Cut] = {}
        nothing = _Cut("", [])
        plan = []
        for beginning, middle, end in texts:
            front = self._fronts.get((beginning, middle)) or known.get((beginning, middle))
            if front is None:
                if beginning not in beginnings:
                    beginnings[beginning] = self._cut_once(beginning)
                front = self._joined(beginnings[beginning], self._joint.cut(middle))
            self._fronts[beginning, middle] = front
            if end not in ends:
                ends[end] = _Cut("", self._joint.cut(end))
            rest = ends[end]
            if not self._meet(front.end, rest.pieces[0] if rest.pieces else ""):
                whole = [front.start, *front.pieces] if front.start else []
                front, rest = self._joined(whole, rest.pieces), nothing
            plan.append((front, rest))
        return plan

    def _cut_once(self, text: str) -> list[str]:
        """Everything before the last joint as one piece, and what follows it."""
        place = max(self._joint.places(text), default=0)
        return [piece for piece in (text[:place], text[place:]) if piece]

    def _joined(self, left: list[str], right: list[str]) -> _Cut:
        """The pieces of both; where they do not meet in a joint, two become one."""
        if left and right and not self._meet(left[-1], right[0]):
            left, right = left[:-1], [left[-1] + right[0], *right[1:]]
        start, *pieces = [*left, *right] or [""]
        return _Cut(start, pieces)

    def _meet(self, left: str, right: str) -> bool:
        """Whether there is a joint between two pieces."""
        seam = left[-3:], right[:1]
        if seam not in self._meetings:
            self._meetings[seam] = self._joint.lies_between(*seam)
        return self._meetings[seam]

    def _learn(self, cuts: Sequence[_Cut]) -> bool:
        """Find the ids of all pieces, those of new ones in one call.

        False if a piece is joined to what is before it.
        """
        unknown = [cut for cut in cuts if not cut.ids]
        starts = _new((cut.start for cut in cuts), self._starts)
        pieces = _new(chain.from_iterable(cut.pieces for cut in unknown), self._pieces)
        before, skip = self._joint.before, len(self._before)
        if starts or pieces:
            tokenised = self._tokenize([*starts, *(before + piece for piece in pieces)])
            self._tokens += sum(map(len, tokenised))
            self._starts.update(zip(starts, tokenised, strict=False))
            for piece, ids in zip(pieces, tokenised[len(starts) :], strict=True):
                if ids[:skip] != self._before:
                    return False
                self._pieces[piece] = ids[skip:]
        for cut in unknown:
            cut.ids = [*chain.from_iterable(map(self._pieces.__getitem__, cut.pieces))]
        return True

    def _forget(self) -> None:
        self._starts: dict[str, list[int]] = {"": []}
        self._pieces: dict[str, list[int]] = {}
        self._tokens = 0


def _new(texts: Iterable[str], known: Collection[str]) -> list[str]:
    """The distinct texts that are not known yet, in order of first sight."""
    return [text for text in dict.fromkeys(texts) if text not in known]
