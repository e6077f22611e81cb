"""An invented comparison with every part that a report can have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
from report_probes import probes

from evals import Bootstrap, Comparison, compare
from evals.conclusions import Conclusions, conclude
from evals.judging import judge_answers
from evals.labelled import LabelledExposures
from evals.report import Contents, Decisions, decisions_of
from evals.testers import RecommenderRanking, rank_recommenders
from prompts import PromptRenderer, load_template
from simulator.clicks import DistributionClicks
from simulator.domain import (
    Catalogue,
    Clicks,
    Dataset,
    Exposures,
    FloatArray,
    Interactions,
    Ragged,
    Vectors,
)
from simulator.interfaces import Prompt, RoundView
from simulator.runlog import Run
from simulator.seeding import generator, uniforms
from simulator.session import simulate

QUICK = Bootstrap(replicates=100)
AGENT = "agent:model=pocket,template=movies/click-en"
TERSE = "agent:model=pocket,template=general/click-en"
BASELINES = ("click rate", "popularity", "distribution (fitted)")
_FIRST = ("Quiet", "Crimson", "Last", "Hollow", "Golden", "Northern", "Broken", "Paper", "Silent")
_SECOND = ("Harbour", "Orchard", "Signal", "Winter", "Lantern", "Mirror", "Station", "Garden")
_GENRES = ("Comedy", "Drama", "Thriller", "Romance", "Adventure")


@cache
def data(n_users: int = 40, n_items: int = 120) -> Dataset:
    """Invented films, and users who have seen some."""
    draws = generator(3, "report parts")
    catalogue = Catalogue(
        item_ids=[f"i{k}" for k in range(n_items)],
        titles=[
            f"The {_FIRST[k % 9]} {_SECOND[k // 9 % 8]}{f' {k // 72 + 1}' if k >= 72 else ''} "
            f"({1950 + k % 70})"
            for k in range(n_items)
        ],
        categories=[
            tuple(sorted({_GENRES[k % 5], _GENRES[k * k % 5]})) if k % 7 else ()
            for k in range(n_items)
        ],
        domain="movies",
    )
    rows = [
        (user, item, place)
        for user in range(n_users)
        for place, item in enumerate(draws.permutation(n_items)[: 6 + user % 24])
    ]
    user, item, time = np.array(rows).T
    seen = Interactions.from_columns(user, item, time, n_users=n_users, n_items=n_items)
    return Dataset("invented", catalogue, seen, [f"user-{k}" for k in range(n_users)])


@cache
def vectors() -> Vectors:
    """Where users and items lie."""
    draws = generator(4, "report parts")
    world = data()
    return Vectors(
        draws.normal(size=(len(world.user_ids), 12)).astype(np.float32),
        draws.normal(size=(len(world.catalogue), 12)).astype(np.float32),
    ).normalised()


def log(rows: int, world: Dataset | None = None) -> LabelledExposures:
    """Labelled exposures in slates of ten, users' histories growing as they go."""
    world = world or data()
    draws = generator(5, "report parts")
    n_users, n_items = len(world.user_ids), len(world.catalogue)
    user = np.sort(draws.integers(0, n_users, rows)).astype(np.int32)
    item = (n_items * draws.random(rows) ** 1.6).astype(np.int32)
    place = np.arange(rows) - np.searchsorted(user, user)
    moment = place // 10
    seen = [world.interactions.histories[u] for u in range(n_users)]
    history = Ragged.from_rows(
        [seen[u][: 2 + m % max(len(seen[u]) - 1, 1)] for u, m in zip(user, moment, strict=True)]
    )
    taste = draws.normal(size=(n_users, 5)) * 1.2
    genre = np.arange(n_items) % 5
    truth = 1 / (1 + np.exp(1.4 - taste[user, genre[item]] + 0.012 * item))
    position = (place % 10).astype(np.int32)
    one = np.ones(rows, dtype=np.int32)
    zero = np.zeros(rows, dtype=np.int32)
    shown = Exposures(
        user=user,
        item=item,
        target=zero - 1,
        round=one,
        position=position,
        history=history,
        draw=uniforms(7, "report parts", user, zero, moment, position),
        catalogue=world.catalogue,
    )
    tenth = np.clip(item * 10 // n_items, 0, 9)
    names = [" ".join(c[:1]) for c in world.catalogue.categories]
    return LabelledExposures(
        shown=shown,
        clicked=draws.random(rows) < truth,
        slate=np.unique(user.astype(np.int64) * rows + moment, return_inverse=True)[1],
        observed=True,
        rule="A click is an item that the invented user chose; the others of the slate were seen.",
        truth=truth,
        segments={
            "popularity": np.array([f"{k + 1} of 10" for k in tenth], dtype=object),
            "category": np.array(names, dtype=object)[item],
            "position": np.array([str(k) for k in position], dtype=object),
        },
        cautions=("All of it is invented.",),
    )


def answers(found: LabelledExposures) -> dict[str, Clicks]:
    """Click models from good to useless, and one that fails now and then."""
    draws, truth = generator(6, "report parts"), found.truth
    assert truth is not None
    n, rate = len(found), float(found.clicked.mean())
    score = np.log(truth / (1 - truth))

    def model(name: str, s: FloatArray) -> Clicks:
        p = (1 / (1 + np.exp(-s))).astype(np.float32)
        return Clicks.from_probability(p, found.shown.draw, source=name)

    made = {
        AGENT: model(AGENT, 1.1 * score + draws.normal(size=n) * 0.8),
        TERSE: model(TERSE, 0.5 * score + 0.9 + draws.normal(size=n)),
        "distribution:w=1,b=0.8": model("distribution", 0.3 * score - 0.2),
        BASELINES[0]: model(BASELINES[0], np.full(n, np.log(rate / (1 - rate)))),
        BASELINES[1]: model(BASELINES[1], -0.02 * found.shown.item - 0.4),
        BASELINES[2]: model(BASELINES[2], 0.7 * score + draws.normal(size=n) * 0.4 - 0.3),
    }
    failed = np.flatnonzero(draws.random(n) < 0.01)
    agent = made[TERSE]
    agent.failure[failed] = "label mass below 0.5"
    agent.source[failed] = ""
    agent.probability[failed] = np.nan
    agent.clicked[failed] = False
    return made


def decisions(rows: int, world: Dataset | None = None) -> Decisions:
    """As a judgement of so many exposures would have them, without the judging."""
    world = world or data()
    found = log(rows, world)
    return Decisions(
        shown=found.shown,
        users=np.array(world.user_ids, dtype=object)[found.shown.user],
        answers=answers(found),
        titles=world.catalogue.titles,
        categories=world.catalogue.categories,
        logged=found.clicked,
        truth=found.truth,
        segments=found.segments,
        prompts={AGENT: asks("movies/click-en", world), TERSE: asks("general/click-en", world)},
    )


class asks:
    """What an agent of a template asks."""

    def __init__(self, template: str, world: Dataset) -> None:
        self.renderer = PromptRenderer(load_template(template), world.catalogue)

    def __call__(self, shown: Exposures) -> list[Prompt]:
        return self.renderer.render(shown.history, shown.item)


def ranking(found: LabelledExposures, models: Mapping[str, Clicks]) -> RecommenderRanking:
    """Five recommenders, from the true probability to chance."""
    draws, truth = generator(8, "report parts"), found.truth
    assert truth is not None
    noise = draws.normal(size=(5, len(found)))
    names = ("ITMPRec", "IPG", "SASRec", "popular", "random")
    scores = {name: truth + 0.25 * k**1.5 * noise[k] for k, name in enumerate(names)}
    return rank_recommenders(
        scores, found, {name: c.probability for name, c in models.items()}, bootstrap=QUICK
    )


class Towards:
    """Shows the unseen item nearest to the target, or to the user, or a mixture."""

    def __init__(self, share: float) -> None:
        self.share = share

    def recommend(self, view: RoundView) -> np.ndarray:
        items = vectors().item
        wanted = self.share * items[view.target]
        assert view.preference is not None
        closeness = (wanted + (1 - self.share) * view.preference) @ items.T
        closeness[view.seen] = -np.inf
        return np.asarray(closeness.argmax(axis=1))


@cache
def runs() -> dict[tuple[str, str], Run]:
    """Each method before each click model."""
    models = {
        "agent": DistributionClicks(w=4.0, b=-0.1),
        "distribution:w=5,b=0.2": DistributionClicks(w=5.0, b=0.2),
        "distribution:released-code": DistributionClicks(w=1.0, b=0.8),
    }
    methods = {"itmprec": Towards(0.7), "ipg": Towards(0.4), "popular": Towards(0.0)}
    made = {}
    for model, clicks in models.items():
        for method, recommender in methods.items():
            run = simulate(
                data(),
                recommender,
                clicks,
                rounds=12,
                targets=np.array([3, 40, 77]),
                vectors=vectors(),
                beside={"distribution:paper": DistributionClicks(w=2.0, b=0.3)},
            )
            run = replace(run, cost={"decisions": 1440.0, "seconds": 2.5, "prompt_tokens": 9e5})
            made[model, method] = replace(run, manifest={**run.manifest, "name": model})
    return made


def conclusions() -> Conclusions:
    return conclude(runs(), base="agent", bootstrap=QUICK)


def comparison() -> Comparison:
    """The first method before each click model."""
    return compare([run for (_, m), run in runs().items() if m == "itmprec"], bootstrap=QUICK)


@cache
def contents(rows: int = 4_000) -> Contents:
    """Every part."""
    world, found = data(), log(rows)
    models = answers(found)
    judgement = judge_answers(models, found, base=BASELINES, bootstrap=QUICK)
    asked = {AGENT: asks("movies/click-en", world), TERSE: asks("general/click-en", world)}
    return Contents(
        data="invented",
        judgement=judgement,
        baselines=BASELINES,
        ranking=ranking(found, models),
        conclusions=conclusions(),
        probes=(probes(AGENT, 1), probes(TERSE, 2)),
        runs=comparison(),
        catalogue=world.catalogue,
        vectors=vectors(),
        decisions=decisions_of(judgement, world.catalogue, world.user_ids, asked),
        cost=pd.DataFrame(
            {
                "decisions": [4000.0, 4000.0],
                "seconds": [31.0, 28.5],
                "prompt_tokens": [2.1e6, 1.9e6],
            },
            index=[AGENT, TERSE],
        ),
        manifests=(("comparison", {"data": "invented", "seed": 7}),),
    )
