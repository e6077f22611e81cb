"""Racing: successive halving over variants, so that a sweep spends its tokens on the contenders.

All variants start on a small sample; the better half goes on to a sample twice as large, and so on
(Karnin, Koren and Somekh, "Almost Optimal Exploration in Multi-Armed Bandits", ICML 2013; Jamieson
and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS
2016). Each sample holds the smaller ones, so what was answered is in the decision cache and never
asked for again. Halving is by rank alone, as published: at the first rungs the interval of nearly
every difference holds zero, and a race that dropped nobody in doubt would be a full sweep. What
that risks is told: `RaceRung.doubtful` counts the dropped whose difference to the last one kept
cannot be told from zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evals.bootstrap import Bootstrap
from simulator.errors import ConfigError
from simulator.lab.asking import Advance
from simulator.lab.evaluation import COMPARED, Evaluation
from simulator.lab.judged import judge_variants
from simulator.lab.laboratory import Lab
from simulator.lab.sittings import RUNG
from simulator.lab.variants import Variant

FEWEST = 250
"""Exposures of the first rung at least: on fewer, luck decides more than the prompt."""

_ROUGH = Bootstrap(replicates=200)
"""Enough for the rungs, of which only the order and the doubt are read."""


@dataclass(frozen=True)
class RaceRung:
    """One round of a race.

    Attributes:
        exposures: How many each contender was asked about in all.
        contenders: Their names, best first.
        kept: Those that went on, best first; on the last rung the winner alone.
        refused: Why some could not be asked or judged, by name.
        doubtful: How many of the dropped may be as good as the last one kept: the 95% interval of
            their difference to it holds zero.
        prompt_tokens: Of the prompts that the engine was asked at this rung.
        computed_tokens: Of these, not spared by a prefix cache.
        asked: Those prompts.
        from_cache: Prompts that the decision cache answered.
        seconds: Of the engine.
    """

    exposures: int
    contenders: tuple[str, ...]
    kept: tuple[str, ...]
    refused: dict[str, str]
    doubtful: int
    prompt_tokens: int
    computed_tokens: int
    asked: int
    from_cache: int
    seconds: float


@dataclass(frozen=True, eq=False)
class Race:
    """What a race found.

    Attributes:
        rungs: From the first, on few exposures, to the last.
        final: The evaluation of the last rung's contenders and the incumbent, on all exposures.
        winner: The best by `measure`, by name.
        measure: Which decided.
        tokens: Prompt tokens of everything that was looked at: asked now, or found in the decision
            cache. Without a cache hit of an earlier sweep it is what the engine counted.
        tokens_of_full_sweep: Prompt tokens of all variants on all exposures, each variant's mean
            length times the exposures.
    """

    rungs: tuple[RaceRung, ...]
    final: Evaluation
    winner: str
    measure: str
    tokens: float
    tokens_of_full_sweep: float

    @property
    def spent(self) -> int:
        """Prompt tokens that the engine was handed, by its own counters."""
        return sum(rung.prompt_tokens for rung in self.rungs)

    @property
    def saving(self) -> float:
        """The share of a full sweep's tokens that the race did without, in [0, 1)."""
        return 1 - self.tokens / self.tokens_of_full_sweep


def race(
    lab: Lab,
    variants: Sequence[Variant],
    *,
    incumbent: Variant | None = None,
    exposures: int = 2000,
    measure: str = "log_loss",
    fewest: int = FEWEST,
    bootstrap: Bootstrap | None = None,
    progress: Advance | None = None,
) -> Race:
    """Find the best of many variants on the development users, dropping the worse half each time.

    The incumbent runs in every rung, so that the differences to it are paired, and is a contender
    like the others.

    Args:
        lab: Who asks.
        variants: Two or more.
        incumbent: The first variant by default.
        exposures: Of the last rung.
        measure: "log_loss" or "auc".
        fewest: Of the first rung at least.
        bootstrap: Of the last rung.
        progress: As in `Lab.evaluate`, for one rung at a time.

    Raises:
        ConfigError: With fewer than two variants, or another measure.
        NudgesimError: As in `Lab.evaluate`.
    """
    if len(variants) < 2 or measure not in COMPARED:
        raise ConfigError(
            f"A race of {len(variants)} variants by {measure!r}: give two or more, and one of "
            f"{', '.join(COMPARED)}."
        )
    first = incumbent or variants[0]
    field = [first, *(v for v in variants if v is not first)]
    exposures = len(lab.rows("development", exposures))
    sizes = _sizes(len(field), exposures, fewest)
    rungs: list[RaceRung] = []
    seen: dict[Variant, tuple[float, int]] = {}
    dropped_incumbent = False
    for place, size in enumerate(sizes):
        last = place == len(sizes) - 1
        evaluation = lab.evaluate(
            field,
            incumbent=first,
            exposures=size,
            purpose="race" if last else RUNG,
            bootstrap=bootstrap if last else _ROUGH,
            progress=progress,
        )
        order = evaluation.ranking(measure)
        if dropped_incumbent:
            order = [name for name in order if evaluation.variants[name] is not first]
        kept = order[: 1 if last else math.ceil(len(order) / 2)]
        rungs.append(_rung(evaluation, order, kept, measure))
        for name, variant in evaluation.variants.items():
            if name in evaluation.costs.index:
                seen[variant] = (float(evaluation.costs["tokens"][name]), size)
        staying = [evaluation.variants[name] for name in kept]
        dropped_incumbent = first not in staying
        field = staying if not dropped_incumbent else [first, *staying]
    return Race(
        rungs=tuple(rungs),
        final=evaluation,
        winner=rungs[-1].kept[0],
        measure=measure,
        tokens=sum(tokens * size for tokens, size in seen.values()),
        tokens_of_full_sweep=sum(tokens * exposures for tokens, _ in seen.values()),
    )


def _sizes(variants: int, exposures: int, fewest: int) -> list[int]:
    """Exposures a rung: as many halvings as leave one or two, none on fewer than the fewest."""
    halvings = max(0, math.ceil(math.log2(variants)) - 1)
    sizes = [exposures // 2**k for k in range(halvings, -1, -1)]
    return [size for size in sizes[:-1] if size >= fewest] + [exposures]


def _rung(evaluation: Evaluation, order: list[str], kept: list[str], measure: str) -> RaceRung:
    costs = evaluation.costs
    seconds = costs["seconds"].astype(float) * costs["asked"].astype(float)
    return RaceRung(
        exposures=len(evaluation.log),
        contenders=tuple(order),
        kept=tuple(kept),
        refused=dict(evaluation.refused),
        doubtful=_doubtful(evaluation, order[len(kept) :], kept[-1], measure),
        prompt_tokens=int(costs["prompt_tokens"].sum()),
        computed_tokens=int(costs["computed_tokens"].sum()),
        asked=int(costs["asked"].sum()),
        from_cache=int(costs["from_cache"].sum()),
        seconds=float(seconds.fillna(0.0).sum()),
    )


def _doubtful(evaluation: Evaluation, dropped: list[str], last: str, measure: str) -> int:
    if not dropped:
        return 0
    answers = {name: evaluation.answers[name] for name in (last, *dropped)}
    gaps = judge_variants(answers, evaluation.log, last, _ROUGH).differences
    gaps = gaps[gaps["measure"] == measure]
    return int(((gaps["low"] <= 0) & (gaps["high"] >= 0)).sum())
