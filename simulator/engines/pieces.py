"""Texts tokenised piece by piece: what they have in common is tokenised once and remembered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from threading import Lock

from simulator.engines.joints import Joint
from simulator.interfaces import Prompt

Tokenize = Callable[[list[str]], list[list[int]]]
Parts = tuple[list[int], list[int], list[int]]

_MOST_TOKENS = 4_000_000
"""Tokens remembered, about 40 bytes each; once past it all is forgotten and learnt anew."""


@dataclass(frozen=True)
class Frame:
    """What a model receives around each prompt.

    Attributes:
        header: Text before the prompt.
        footer: Text after it.
        first: Token ids before all text.
        last: Token ids after all text.
    """

    header: str = ""
    footer: str = ""
    first: tuple[int, ...] = ()
    last: tuple[int, ...] = ()


@dataclass(eq=False, slots=True)
class _Cut:
    """A part of a prompt in pieces.

    Attributes:
        start: The piece with which a prompt starts; "" for what stands further back.
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
    """Tokenises each distinct piece once; a prompt's ids are those of its pieces, end to end.

    The static part is one piece as far as it can be cut off; what follows is cut at every joint.
    Threads may share one object.

    Args:
        tokenize: Texts to token ids, without special tokens.
        joint: Where prompts are cut; the caller makes sure that the tokenizer allows it.
    """

    def __init__(self, tokenize: Tokenize, joint: Joint) -> None:
        self._tokenize = tokenize
        self._joint = joint
        self._before = tokenize([joint.before])[0]
        self._meetings: dict[tuple[str, str], bool] = {}
        self._fronts: dict[tuple[str, str], _Cut] = {}
        self._lock = Lock()
        self._forget()

    def encode(self, prompts: Sequence[Prompt], frame: Frame) -> list[Parts] | None:
        """Each prompt's token ids in three lists, to be read end to end and not to be changed.

        Args:
            prompts: What to tokenise.
            frame: What to put around each.

        Returns:
            What starts the prompt, what tells of its user, and the candidate, three a prompt; those
            that prompts have in common are the same lists. None if a piece does not begin where it
            was cut.
        """
        with self._lock:
            if self._tokens > _MOST_TOKENS:
                self._forget()
            plan = self._plan(prompts, frame.footer)
            fronts = list({id(front): front for front, _ in plan}.values())
            ends = list({id(end): end for _, end in plan}.values())
            starts = {front.start: frame.header + front.start for front in fronts}
            if not self._learn(starts.values(), [*fronts, *ends]):
                return None
            begun = {start: [*frame.first, *self._starts[text]] for start, text in starts.items()}
            ended = {id(end): [*end.ids, *frame.last] for end in ends}
            return [(begun[front.start], front.ids, ended[id(end)]) for front, end in plan]

    def _plan(self, prompts: Sequence[Prompt], footer: str) -> list[tuple[_Cut, _Cut]]:
        """Each prompt as static and user part, and candidate; equal ones are the same object."""
        # Prompts are often encoded twice in a row, for a cache and for an engine.
        known, self._fronts = self._fronts, {}
        begun: dict[str, list[str]] = {}
        ends: dict[str, _Cut] = {}
        nothing = _Cut("", [])
        plan = []
        for prompt in prompts:
            key = prompt.static, prompt.user
            front = self._fronts.get(key) or known.get(key)
            if front is None:
                if prompt.static not in begun:
                    begun[prompt.static] = self._cut_once(prompt.static)
                front = self._joined(begun[prompt.static], self._joint.cut(prompt.user))
            self._fronts[key] = front
            if prompt.candidate not in ends:
                # Header and footer are not cut: their special tokens may swallow line breaks.
                *whole, final = self._joint.cut(prompt.candidate) or [""]
                ends[prompt.candidate] = _Cut("", [*whole, final + footer])
            end = ends[prompt.candidate]
            if not self._meet(front.end, end.pieces[0]):
                front, end = self._joined([front.start, *front.pieces], end.pieces), nothing
            plan.append((front, end))
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

    def _learn(self, starts: Iterable[str], cuts: Sequence[_Cut]) -> bool:
        """Find the ids of all pieces, those of new ones in one call.

        False if a piece is joined to what is before it.
        """
        unknown = [cut for cut in cuts if not cut.ids]
        starts = _new(starts, self._starts)
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
        self._starts: dict[str, list[int]] = {}
        self._pieces: dict[str, list[int]] = {}
        self._tokens = 0


def _new(texts: Iterable[str], known: Collection[str]) -> list[str]:
    """The distinct texts that are not known yet, in order of first sight."""
    return [text for text in dict.fromkeys(texts) if text not in known]
