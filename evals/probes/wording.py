"""Wording: does the answer follow how the question is put?

Changes of wording and layout that leave the meaning alone can move accuracy by tens of points
(Sclar et al., "Quantifying Language Models' Sensitivity to Spurious Features in Prompt Design",
ICLR 2024), so that a figure from one wording is a figure about that wording (Mizrahi et al., "State
of What Art? A Call for Multi-Prompt LLM Evaluation", TACL 2024).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evals.probes.variant import Variant
from prompts import (
    Example,
    Template,
    example_names,
    load_template,
    shipped_examples,
    template_names,
)
from simulator.clicks import AgentClicks
from simulator.errors import PromptError

PROBE = "wording"

PARAPHRASES: Mapping[str, Mapping[str, str]] = {
    "other words": {
        "You are a user of": "Imagine that you use",
        "It recommends one": "It suggests one",
        "Go by the taste that your history shows, and be choosy: many recommendations are not for "
        "you.": "Decide as your history says you would, and do not be pleased easily: much of what "
        "is suggested is not for you.",
        "Reply with one word,": "Answer with a single word,",
        "请根据历史记录体现的口味来决定，": "请按历史记录反映的喜好作出选择，",
        "并且要挑剔": "不要来者不拒",
        "很多推荐并不适合你": "不少推荐并不合你的口味",
        "只回答一个词：": "请只用一个词作答：",
    },
    "other layout": {
        "Recommended:": "Suggestion:",
        "Answer:": "Reply:",
        " so far, oldest first:": ", from oldest to newest:",
        "推荐：{{": "建议：{{",
        "回答：": "答复：",
        "（从早到晚）": "（由旧到新）",
    },
}
"""Phrases of the shipped templates, English and Chinese, and what says the same."""


def related_templates(template: Template) -> list[Template]:
    """The shipped templates of its domain in all languages, and the general one in its own."""
    matter = template.front_matter
    shipped = [load_template(name) for name in template_names()]
    return [
        other
        for other in shipped
        if other.front_matter.domain == matter.domain
        or (other.front_matter.domain, other.front_matter.language) == ("general", matter.language)
    ]


def wording_variants(agent: AgentClicks, others: Sequence[Template]) -> list[Variant]:
    """The template in other words and another layout, and the other templates.

    Args:
        agent: Whose template has some of the phrases in `PARAPHRASES`; else only the others are
            asked with.
        others: Templates that ask the same. Where the agent has its template's shipped examples,
            theirs are shown, in their language; else the agent's own.
    """
    out = [
        Variant(PROBE, name, template, agent.examples)
        for name, template in _paraphrases(agent.template)
    ]
    return out + [
        Variant(PROBE, other.name, other, _examples(agent, other))
        for other in others
        if other.sha256 != agent.template.sha256
    ]


def _paraphrases(template: Template) -> Iterator[tuple[str, Template]]:
    for name, phrases in PARAPHRASES.items():
        try:
            yield name, template.with_phrases(name, phrases)
        except PromptError:
            continue  # a template of the user's own, with none of the phrases


def _examples(agent: AgentClicks, other: Template) -> Sequence[Example]:
    if agent.examples != _shipped(agent.template):
        return agent.examples
    return _shipped(other) or agent.examples


def _shipped(template: Template) -> tuple[Example, ...] | None:
    matter = template.front_matter
    known = f"{matter.domain}-{matter.language}" in example_names()
    return shipped_examples(template) if known else None
