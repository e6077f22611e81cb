"""The click agent: a language model reads the user's history and answers for the user."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Literal, Self

import numpy as np

from prompts import Example, Personas, PromptRenderer, Template
from simulator.clicks.answers import parse_answer
from simulator.clicks.calibration import AgentCalibration, Contextual, calibration_facts
from simulator.clicks.titles import shown_titles
from simulator.domain import Catalogue, Clicks, Exposures, FloatArray, IntArray, TextArray
from simulator.errors import ConfigError, DataError
from simulator.interfaces import Engine, LabelProbabilities, Prompt, usage_of

Mode = Literal["sample", "argmax", "text"]

ASKED_TOGETHER = 2_048
"""Prompts that an engine gets at a time: enough to fill any batch, and few enough that what a
decision cache keeps after each call, and a budget looks at before it, is never much."""


class AgentClicks:
    """One prompt, one decision: does this user click this item?

    Modes:
        sample: click where `draw < P(click)`; comparable with other models draw by draw.
        argmax: click where `P(click) >= 0.5`, calibrated where there is a calibration.
        text: generate an answer and parse it strictly; for models without logprobs. There is no
            probability then (NaN).

    A decision fails, and is left undecided for a fallback, when the prompt exceeds the model's
    window, the server gives no answer, the labels' total probability is below `minimum_mass`
    (the model was not answering the question), or a text answer is not one of the labels.

    Args:
        engine: The language model.
        template: The prompt template; it names the two labels.
        examples: Few-shot examples for the static part.
        mode: See above.
        minimum_mass: In [0, 1].
        max_answer_tokens: Length of a text answer.
        calibration: Maps P(click) before a click is decided by it. Mass, failures and what a
            decision cache keeps stay the model's own.
        personas: Of the users, told in the template's language; None, which a template that shows
            no persona makes of any.

    All are attributes too.

    Raises:
        ConfigError: If a setting is out of range, or text mode is to be calibrated.
    """

    def __init__(
        self,
        engine: Engine,
        template: Template,
        *,
        examples: Sequence[Example] = (),
        mode: Mode = "sample",
        minimum_mass: float = 0.5,
        max_answer_tokens: int = 16,
        calibration: AgentCalibration | None = None,
        personas: Personas | None = None,
    ) -> None:
        if mode not in ("sample", "argmax", "text"):
            raise ConfigError(f"mode = {mode!r}; choose sample, argmax or text.")
        if not 0 <= minimum_mass <= 1:
            raise ConfigError(f"minimum_mass = {minimum_mass} must lie in [0, 1].")
        if mode == "text" and calibration is not None:
            raise ConfigError(
                "A text answer has no probability to calibrate; choose mode sample or argmax, or "
                "leave the calibration out."
            )
        self.engine = engine
        self.template = template
        self.mode = mode
        self.minimum_mass = minimum_mass
        self.max_answer_tokens = max_answer_tokens
        self.calibration = calibration
        self._labels = template.labels.pair
        self.examples = tuple(examples)
        self._static = template.render_static(self.examples)
        self.personas = self._told(personas)
        self._catalogue: Catalogue | None = None
        self._renderer: PromptRenderer | None = None

    def with_personas(self, personas: Personas | None) -> Self:
        """The same agent on the same engine, told other things of its users."""
        made = copy(self)
        made.personas = made._told(personas)
        made._renderer = None
        return made

    def knowing(self, rows: IntArray | None) -> Self:
        """The same agent, told of its users what these log rows tell, and no more.

        Args:
            rows: Shape (n,), as of `Personas`; None for all.

        Returns:
            Itself where it is told nothing of users.
        """
        return self if self.personas is None else self.with_personas(self.personas.by(rows))

    def _told(self, personas: Personas | None) -> Personas | None:
        if personas is None or not self.template.mentions_persona:
            return None
        return personas.told_in(self.template.front_matter.language)

    def click(
        self,
        histories: Sequence[Sequence[str]],
        candidates: Sequence[str],
        *,
        categories: Mapping[str, Sequence[str]] | None = None,
        seed: int = 0,
    ) -> Clicks:
        """Decide about titles alone: does the user with history k click candidate k?

        Of these users nothing else is known: no personas are shown.

        Args:
            histories: What each user has accepted, oldest first; n rows, which may be empty.
            candidates: n titles.
            categories: Of each title (genres, tags, sections), where they are known. A small
                model, such as the pocket agent, knows few titles and goes by these.
            seed: Of the users' luck.

        Raises:
            DataError: If the lengths differ, or a title is empty.
        """
        shown = shown_titles(histories, candidates, categories=categories, seed=seed)
        return self.with_personas(None).decide(shown)

    def prompts(self, shown: Exposures) -> list[Prompt]:
        """The prompts of these exposures, row for row.

        Raises:
            DataError: If the exposures have no catalogue, or there is no persona of a user.
        """
        if shown.catalogue is None:
            raise DataError(
                "The agent reads titles, and these exposures have no catalogue: give them one "
                "(Exposures(..., catalogue=data.catalogue)), or ask agent.click(histories, titles)."
            )
        if self._renderer is None or shown.catalogue is not self._catalogue:
            self._catalogue = shown.catalogue
            self._renderer = PromptRenderer(
                self.template, shown.catalogue, self.examples, personas=self.personas
            )
        return self._renderer.render(shown.history, shown.item, shown.user)

    def decide(self, shown: Exposures) -> Clicks:
        """Ask the model about every row; identical prompts are asked once."""
        prompts = self.prompts(shown)
        if self.mode == "text":
            return self._decide_by_text(prompts)
        return self._decide_by_labels(prompts, shown.draw)

    def label_probabilities(self, prompts: Sequence[Prompt]) -> LabelProbabilities:
        """What the model makes of the two labels, uncalibrated, one row a prompt.

        Identical prompts are asked once.
        """
        portions, row_of = _portions(prompts)
        answers = LabelProbabilities.joined(
            [self.engine.label_probabilities(portion, self._labels) for portion in portions]
        )
        return LabelProbabilities(
            answers.probabilities[row_of], answers.mass[row_of], answers.failure[row_of]
        )

    def _decide_by_labels(self, prompts: Sequence[Prompt], draw: FloatArray) -> Clicks:
        answers = self.label_probabilities(prompts)
        low = ~(answers.mass >= self.minimum_mass)
        failure = answers.failure.copy()
        failure[low & (failure == "")] = f"label mass below {self.minimum_mass:g}"
        probability = answers.probabilities[:, 0]
        failure[np.isnan(probability) & (failure == "")] = "no probability"
        probability = self._calibrated(probability, prompts, failure)
        decided = failure == ""
        clicked = probability >= 0.5 if self.mode == "argmax" else draw < probability
        return Clicks.of(
            clicked & decided,
            source=np.where(decided, "agent", ""),
            probability=np.where(decided, probability, np.nan),
            failure=failure,
        )

    def _calibrated(
        self, probability: FloatArray, prompts: Sequence[Prompt], failure: TextArray
    ) -> FloatArray:
        """P(click) as the calibration has it, float32; notes where that cannot be told."""
        if self.calibration is None:
            return probability
        if not isinstance(self.calibration, Contextual):
            return self.calibration.apply(probability).astype(np.float32)
        bias = self.calibration.bias(self.label_probabilities, self.template, prompts)
        failure[np.isnan(bias) & (failure == "")] = "no answer for the content-free candidate"
        return self.calibration.apply(probability, bias).astype(np.float32)

    def _decide_by_text(self, prompts: Sequence[Prompt]) -> Clicks:
        portions, row_of = _portions(prompts)
        texts = [
            text
            for portion in portions
            for text in self.engine.generate(portion, max_tokens=self.max_answer_tokens)
        ]
        parsed = [parse_answer(text, self._labels) for text in texts]
        label = np.array([-1 if p is None else p for p in parsed], dtype=np.int64)[row_of]
        decided = label >= 0
        reason = np.array(texts, dtype=object)[row_of]
        failure = np.where(reason == "", "no answer", "answer is neither label")
        return Clicks.of(
            label == 0,
            source=np.where(decided, "agent", ""),
            failure=np.where(decided, "", failure),
            reason=reason,
        )

    def usage(self) -> Mapping[str, float]:
        """What the engine spent: its token counters, and its seconds as `engine_seconds`.

        `engine_decisions` is what the engine answered; identical prompts are asked once, so it may
        be less than the rows decided.
        """
        spent = usage_of(self.engine)
        return {
            f"engine_{name}" if name in ("seconds", "decisions") else name: value
            for name, value in spent.items()
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the engine, where it can be closed; leaving a `with` block does so too."""
        close = getattr(self.engine, "close", None)
        if callable(close):
            close()

    def facts(self) -> dict[str, Any]:
        """What a manifest keeps of the agent."""
        facts = {
            "engine": str(getattr(self.engine, "name", type(self.engine).__name__)),
            "model": str(getattr(self.engine, "model", type(self.engine).__name__)),
            # A server does not tell which revision it serves.
            "model_revision": getattr(self.engine, "revision", None),
            "template": self.template.name,
            "template_version": self.template.version,
            "template_sha256": self.template.sha256,
            "examples": len(self.examples),
            "static_sha256": hashlib.sha256(self._static.encode()).hexdigest(),
            "mode": self.mode,
            "minimum_mass": self.minimum_mass,
        }
        if self.calibration is not None:
            facts["calibration"] = calibration_facts(self.calibration)
        if self.personas is not None:
            facts["personas"] = self.personas.facts()
        return facts

    def machine(self) -> dict[str, Any]:
        """How the engine is set for this machine, for a manifest; a resume may differ in it."""
        return {"engine_settings": dict(getattr(self.engine, "settings", {}))}

    def describe(self) -> str:
        """In a line: model, template, mode, calibration, personas."""
        model = getattr(self.engine, "model", type(self.engine).__name__)
        parts = [model, f"{self.template.name} v{self.template.version}", self.mode]
        if self.calibration is not None:
            parts.append(self.calibration.kind)
        if self.personas is not None:
            parts.append("personas")
        return f"agent({', '.join(parts)})"


def _portions(prompts: Sequence[Prompt]) -> tuple[list[list[Prompt]], IntArray]:
    """The distinct prompts in order of first sight, in portions, and which of them each row is."""
    index: dict[Prompt, int] = {}
    rows = np.fromiter((index.setdefault(p, len(index)) for p in prompts), dtype=np.int64)
    distinct = list(index)
    starts = range(0, max(len(distinct), 1), ASKED_TOGETHER)
    return [distinct[start : start + ASKED_TOGETHER] for start in starts], rows
