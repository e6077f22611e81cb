"""LLM-IPP: a language model writes the path from a user's history to the target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from recommender.nudge.answer_store import AnswerStore
from recommender.nudge.planned_path import ENDED, PlannedPath
from recommender.nudge.title_index import TitleIndex, written_title
from simulator.describe import describe
from simulator.domain import IntArray, Ragged
from simulator.errors import ConfigError
from simulator.interfaces import Engine, Prompt, Recommender

RenderPaths = Callable[[Ragged, IntArray], Sequence[Prompt]]
"""Histories (n rows) and their targets, shape (n,), to n prompts, each asking for a path."""

_KEPT_TOGETHER = 1024
"""Answers between two writes of the store: what an interruption costs at most."""
_TOKENS_A_STEP = 24
"""Room for a numbered title of about fifteen words."""


class LLMIPP(PlannedPath):
    """LLM-based influence path planning (Wang, Bi, Wang, Gao, Li and Feng, arXiv:2409.04827).

    One prompt a (user, target) pair, one title a line. A title counts if it is a catalogue title
    (`TitleIndex` says what spellings are the same), and if its item is neither in the user's
    history nor on the path already. Where several items share a title, the first that is not is
    meant. Every other line is dropped and counted, and so is what exceeds the asked length. Where
    the path has ended, `beyond` recommends, and that is counted too: a failure of the language
    model is never taken for a plan.

    Args:
        engine: Greedy text from prompts.
        render: Writes the prompts, for instance `PromptRenderer(template, catalogue).render` with
            a path template that asks for as many steps.
        titles: The catalogue's titles, as the prompts show them, length n_items.
        histories: What users had before the run, oldest first; row u is user u.
        rounds: Longest path, 1 or more; what the prompts ask for.
        beyond: Who recommends after the end of a path.
        max_tokens: Length of an answer, 1 or more; 24 a step by default.
        answers: File that keeps what the model wrote, so that neither a resumed run nor another run
            with the same prompts asks again.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If `answers` holds something else.
    """

    def __init__(
        self,
        engine: Engine,
        render: RenderPaths,
        titles: Sequence[str],
        histories: Ragged,
        *,
        rounds: int,
        beyond: Recommender,
        max_tokens: int | None = None,
        answers: Path | None = None,
    ) -> None:
        super().__init__(histories, len(titles), rounds=rounds, beyond=beyond)
        if max_tokens is not None and max_tokens < 1:
            raise ConfigError(f"max_tokens={max_tokens} must be 1 or more.")
        self.engine = engine
        self.render = render
        self.max_tokens = max_tokens or _TOKENS_A_STEP * rounds
        self._titles = TitleIndex(titles)
        self._store = None if answers is None else AnswerStore(answers, self._identity())
        self._counts: Counter[str] = Counter()

    def plan(self, user: IntArray, target: IntArray) -> IntArray:
        """Paths, int32, shape (n, rounds); identical prompts are asked once."""
        past = self.histories.take(user)
        prompts = self.render(past, target)
        index: dict[Prompt, int] = {}
        asked = [index.setdefault(prompt, len(index)) for prompt in prompts]
        texts = self._answers(list(index))
        out = np.full((len(user), self.rounds), ENDED, dtype=np.int32)
        for row, number in enumerate(asked):
            path = self._read(texts[number], set(past[row].tolist()))
            out[row, : len(path)] = path
            self._counts["paths_failed"] += not path
            self._counts["paths_with_target"] += int(target[row]) in path
        return out

    def _answers(self, prompts: list[Prompt]) -> list[str]:
        """What the model writes, row for row; what the store has is not asked for again."""
        if self._store is None:
            return self.engine.generate(prompts, max_tokens=self.max_tokens)
        new = [prompt for prompt in prompts if self._store.get(prompt.text) is None]
        self._counts["answers_kept"] += len(prompts) - len(new)
        for start in range(0, len(new), _KEPT_TOGETHER):
            asked = new[start : start + _KEPT_TOGETHER]
            texts = self.engine.generate(asked, max_tokens=self.max_tokens)
            answered = zip(asked, texts, strict=True)
            # An engine that failed writes nothing: that is no answer to keep.
            self._store.add({prompt.text: text for prompt, text in answered if text})
        return [self._store.get(prompt.text) or "" for prompt in prompts]

    def _identity(self) -> str:
        """What decides an answer beside the prompt."""
        parts = (getattr(self.engine, name, None) for name in ("name", "model", "revision"))
        return f"{', '.join(str(part) for part in parts)}, {self.max_tokens} tokens"

    def _read(self, text: str, seen: set[int]) -> list[int]:
        """The path that an answer holds; what is dropped is counted."""
        path: list[int] = []
        for line in text.splitlines():
            title = written_title(line)
            if not title:
                continue
            found = self._titles.find(title)
            unseen = next((row for row in found if row not in seen), None)
            if not found:
                self._counts["steps_unknown"] += 1
            elif unseen is None:
                self._counts["steps_seen"] += 1
            elif len(path) == self.rounds:
                self._counts["steps_too_many"] += 1
            else:
                self._counts["steps_parsed"] += 1
                path.append(unseen)
                seen.add(unseen)
        return path

    def usage(self) -> Mapping[str, float]:
        """Counters since its making; what the engine spent is the engine's to say.

        `paths_planned`, those of them without a single step (`paths_failed`) and those that the
        target is on (`paths_with_target`). `answers_kept`: prompts whose answer the file had.
        Lines of the answers: `steps_parsed`, `steps_unknown` (no title of the catalogue),
        `steps_seen` (in the history, or a repeat), `steps_too_many`. `steps_beyond`: items shown
        that `beyond` chose.
        """
        names = (
            "paths_failed",
            "paths_with_target",
            "answers_kept",
            "steps_parsed",
            "steps_unknown",
            "steps_seen",
            "steps_too_many",
        )
        return {**super().usage(), **{name: self._counts[name] for name in names}}

    def describe(self) -> str:
        """The settings that decide what it shows."""
        model = getattr(self.engine, "model", type(self.engine).__name__)
        return (
            f"LLMIPP({model}, rounds={self.rounds}, max_tokens={self.max_tokens}, "
            f"beyond={describe(self.beyond)})"
        )
