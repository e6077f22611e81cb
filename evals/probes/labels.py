"""Label swap: does the answer follow the words that stand for it?

Language models prefer some answer words to others whatever is asked (Zhao et al., "Calibrate Before
Use", ICML 2021), letters of options among them (Zheng et al., "Large Language Models Are Not Robust
Multiple Choice Selectors", ICLR 2024, who permute which letter stands for which option). So a pair
of words without a meaning of its own is given both ways: whatever differs between the two is a
liking for a word.

The template's own words are swapped too. With "yes" for a skip that is a question turned against
its words, and an agent that goes wrong there may only be reading them as anybody would (Wei et al.,
"Larger language models do in-context learning differently", arXiv:2303.03846); the neutral pairs
tell the two apart.
"""

from __future__ import annotations

from evals.probes.variant import Variant
from simulator.clicks import AgentClicks

PROBE = "label swap"
NEUTRAL = (("A", "B"), ("1", "2"))
"""Pairs of words that mean neither a click nor a skip."""


def label_variants(agent: AgentClicks) -> list[Variant]:
    """The template's own words exchanged, and each neutral pair both ways."""
    template, examples = agent.template, agent.examples

    def answered_by(click: str, skip: str, against: str = "", note: str = "") -> Variant:
        made = template.with_labels(click, skip)
        name = f"{click} to click, {skip} to skip"
        return Variant(PROBE, name, made, examples, against=against, note=note)

    click, skip = template.labels.pair
    meaning = "the words' usual meanings pull the other way"
    own = {click, skip}
    out = [answered_by(skip, click, note="" if own in map(set, NEUTRAL) else meaning)]
    for one, other in NEUTRAL:
        if {one, other} != own:
            first = answered_by(one, other, note="words without a meaning of their own")
            note = f"neutral words exchanged: half of the shift is a liking for {other!r}"
            out += [first, answered_by(other, one, against=first.name, note=note)]
    return out
