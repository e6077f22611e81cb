"""Few-shot order and balance: does the answer follow how the examples stand, not what they show?

Models repeat the answer that the examples give most often, and the one that they give last (Zhao et
al., "Calibrate Before Use", ICML 2021); the order alone can decide between the best accuracy and
chance (Lu et al., "Fantastically Ordered Prompts and Where to Find Them", ACL 2022).
"""

from __future__ import annotations

from math import factorial

from evals.probes.variant import Variant
from prompts import Example
from simulator.clicks import AgentClicks
from simulator.seeding import generator

ORDER = "example order"
BALANCE = "example balance"


def order_variants(agent: AgentClicks, permutations: int, seed: int) -> list[Variant]:
    """The same examples in other orders: sorted by answer both ways, reversed, and at random.

    Args:
        agent: With examples; one alone has no other order.
        permutations: How many orders at random, each unlike all others; fewer where there are not
            as many.
        seed: Of those.
    """
    examples = tuple(agent.examples)
    clicks = tuple(e for e in examples if e.clicked)
    skips = tuple(e for e in examples if not e.clicked)
    orders: dict[str, tuple[Example, ...]] = {
        "reversed": examples[::-1],
        "clicks first, skips last": clicks + skips,
        "skips first, clicks last": skips + clicks,
    }
    known = [examples]
    out = []
    for name, order in orders.items():
        if order not in known:
            known.append(order)
            out.append(_variant(agent, ORDER, name, order))
    wanted = min(permutations, factorial(len(examples)) - len(known))
    draws = generator(seed, "probe order")
    for number in range(1, wanted + 1):
        while (order := tuple(examples[k] for k in draws.permutation(len(examples)))) in known:
            pass
        known.append(order)
        out.append(_variant(agent, ORDER, f"permutation {number}", order))
    return out


def balance_variants(agent: AgentClicks) -> list[Variant]:
    """Only the clicks among the examples, only the skips, and none."""
    examples = tuple(agent.examples)
    kinds = {
        "only clicks": tuple(e for e in examples if e.clicked),
        "only skips": tuple(e for e in examples if not e.clicked),
        "none": (),
    }
    return [
        _variant(agent, BALANCE, name, kept)
        for name, kept in kinds.items()
        if kept != examples and (kept or name == "none")
    ]


def _variant(agent: AgentClicks, probe: str, name: str, examples: tuple[Example, ...]) -> Variant:
    return Variant(probe, name, agent.template, examples)
