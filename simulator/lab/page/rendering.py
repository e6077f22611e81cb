"""Drafts rendered as runs render templates; a fault is told with its place in the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prompts import Example, Personas, PromptRenderer, Template, shipped_examples
from simulator.domain import Exposures
from simulator.errors import NudgesimError, PromptError
from simulator.interfaces import Prompt
from simulator.lab.page.faults import Fault, located

_CHARACTERS = 200_000
"""The longest prompt that is tokenized and shown."""


@dataclass(frozen=True, eq=False)
class Rendered:
    """What a draft says.

    Attributes:
        template: The draft.
        prompts: One for each exposure.
    """

    template: Template
    prompts: list[Prompt]


class FaultyDraftError(PromptError):
    """A draft cannot be rendered; `fault` says where."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def render_draft(
    text: str,
    place: str,
    shown: Exposures,
    examples: Sequence[Example] | None,
    personas: Personas | None = None,
) -> Rendered:
    """A draft's prompts for these exposures.

    Half-written drafts loop for ever by accident; the sandbox ends that, as for every template.

    Args:
        text: The whole file.
        place: What errors call it.
        shown: With a catalogue.
        examples: Few-shot examples; None for those shipped for a draft's domain and language.
        personas: Of the users, where a draft shows them.

    Raises:
        FaultyDraftError: If the template is faulty, asks for too much work or says too much.
    """
    assert shown.catalogue is not None
    try:
        template = Template.parse(text, Path(place))
        given = shipped_examples(template) if examples is None else examples
        told = None if personas is None else personas.told_in(template.front_matter.language)
        renderer = PromptRenderer(template, shown.catalogue, given, personas=told)
        prompts = renderer.render(shown.history, shown.item, shown.user)
        longest = max(len(prompt.text) for prompt in prompts)
        if longest > _CHARACTERS:
            raise PromptError(
                f"{place}: a prompt of {longest:,} characters; {_CHARACTERS:,} is the most that is "
                "looked at here. Show fewer items, or shorten the loops."
            )
    except NudgesimError as error:
        raise FaultyDraftError(located(str(error), place, text)) from error
    return Rendered(template, prompts)
