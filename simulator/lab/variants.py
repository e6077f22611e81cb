"""Variants: the ways of asking that the lab holds against each other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from prompts import Example, Personas, Template
from simulator.clicks import AgentClicks
from simulator.config import AgentConfig
from simulator.engines.loading import RunningEngine

Effect = Literal["same meaning", "other information", "against the words"]
"""What a change does: say the same otherwise, tell the model more or less, or have words mean the
contrary of what they mean."""

AS_IS = "as is"
"""What a variant is called in which nothing was changed."""


@dataclass(frozen=True)
class Change:
    """One thing that a sweep changed.

    Attributes:
        axis: "labels", "examples", "balance", "order", "history", "direction", "categories",
            "personas" or "wording".
        value: What it was changed to, in words.
        effect: Whether the meaning is kept.
    """

    axis: str
    value: str
    effect: Effect


@dataclass(frozen=True, eq=False)
class Variant:
    """One way of asking: a template and the examples shown in it.

    Attributes:
        template: What the prompts say; its labels, history window and categories belong to it.
        examples: What they show before they ask.
        shown: Where the examples come from, in words: "shipped", "none", "log:4".
        changes: What was changed, from the template that a sweep started with.
        personas: What they say of users beside the history; None for nothing.
    """

    template: Template
    examples: tuple[Example, ...] = ()
    shown: str = "none"
    changes: tuple[Change, ...] = ()
    personas: Personas | None = None

    @property
    def what(self) -> str:
        """What was changed, in words; "as is" where nothing was."""
        return ", ".join(change.value for change in self.changes) or AS_IS

    @property
    def name(self) -> str:
        """The template's own name, what it shows that is not usual, and the changes."""
        base = self.template.name.split(" [")[0] if self.changes else self.template.name
        parts = [change.value for change in self.changes if change.value != base]
        if self.shown != "shipped" and not any(c.axis in EXAMPLE_AXES for c in self.changes):
            parts.append(f"examples {self.shown}")
        if self.personas is not None and not any(c.axis == "personas" for c in self.changes):
            parts.append("with personas")
        return f"{base} [{', '.join(parts)}]" if parts else base

    def says_as(self, base: Variant) -> bool:
        """Whether it says the same as the variant that it was made from, no more and no less."""
        further = self.changes[len(base.changes) :]
        return all(change.effect == "same meaning" for change in further)

    @cached_property
    def static(self) -> str:
        """The text that all its prompts begin with."""
        return self.template.render_static(self.examples)

    @property
    def static_sha256(self) -> str:
        """Digest of `static`: which examples were shown, and how."""
        return hashlib.sha256(self.static.encode()).hexdigest()

    def agent(self, engine: RunningEngine, settings: AgentConfig) -> AgentClicks:
        """The click agent that asks like this; closing it closes the engine."""
        return AgentClicks(
            engine,
            self.template,
            examples=self.examples,
            mode=settings.mode,
            minimum_mass=settings.minimum_mass,
            personas=self.personas,
        )

    def changed(self, change: Change, **fields: object) -> Variant:
        """This variant with another template or other examples, and one change more."""
        made = replace(self, changes=(*self.changes, change))
        return replace(made, **fields)  # type: ignore[arg-type]  # the fields are Variant's own


EXAMPLE_AXES = frozenset({"examples", "balance", "order"})
"""Axes that change which examples are shown."""


def distinct(variants: Sequence[Variant]) -> list[Variant]:
    """The variants that ask differently, each once, the first of equals.

    Two ask the same where their template's text but for the name, their examples and personas are
    equal.
    """
    kept: dict[tuple[object, ...], Variant] = {}
    for variant in variants:
        template = variant.template
        body = template.text.split("\n---", 1)[-1]
        matter = template.front_matter.model_dump_json(exclude={"name", "version", "description"})
        kept.setdefault((body.strip(), matter, variant.examples, variant.personas), variant)
    return list(kept.values())


def by_name(variants: Sequence[Variant]) -> Mapping[str, Variant]:
    """Variants by name; equal names are numbered, so that each has its own."""
    named: dict[str, Variant] = {}
    for variant in variants:
        name, number = variant.name, 2
        while name in named:
            name, number = f"{variant.name} ({number})", number + 1
        named[name] = variant
    return named
