"""Neutral titles: how much of the answer comes from the titles as such?

A model that read a data set's titles in training may know their ratings and their fame rather than
the user's taste (Di Palma et al., "Do LLMs Memorize Recommendation Datasets?", SIGIR 2025). With
codes for titles, the same code for the same item wherever it stands, only the categories and the
pattern are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evals.probes.variant import Variant
from prompts import Example, ShownItem
from simulator.clicks import AgentClicks
from simulator.domain import Catalogue
from simulator.seeding import generator

PROBE = "neutral titles"


def title_variants(agent: AgentClicks, catalogue: Catalogue, seed: int) -> list[Variant]:
    """Codes for titles in histories, candidates and examples, with categories and without.

    Args:
        agent: As is.
        catalogue: Of the log.
        seed: Of the codes, which say nothing of an item's place in the catalogue.
    """
    examples = tuple(agent.examples)
    known = {ShownItem(title).title: row for row, title in reversed([*enumerate(catalogue.titles)])}
    for example in examples:
        for item in (*example.history, example.candidate):
            known.setdefault(item.title, len(catalogue) + len(known))
    size = max(known.values()) + 1
    digits = max(4, len(str(size - 1)))
    codes = [f"Item {number:0{digits}d}" for number in generator(seed, "codes").permutation(size)]
    coded = replace(catalogue, titles=codes[: len(catalogue)])

    def shown(item: ShownItem) -> ShownItem:
        return ShownItem(codes[known[item.title]], item.categories)

    recoded: Sequence[Example] = tuple(
        Example(tuple(map(shown, e.history)), shown(e.candidate), e.clicked) for e in examples
    )
    with_categories = Variant(
        PROBE,
        "codes, categories kept",
        agent.template,
        recoded,
        coded,
        note="what the titles told beyond the categories",
    )
    bare = replace(
        with_categories,
        name="codes alone",
        template=agent.template.without_categories(),
        note="nothing is left but how long the history is",
    )
    return [with_categories, bare]
