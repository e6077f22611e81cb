"""The loop: a recommender shows, a click model answers, preferences move, round after round."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from simulator.describe import describe
from simulator.domain import Clicks, Dataset, Exposures, FloatArray, IntArray, Vectors
from simulator.episodes import Episodes
from simulator.errors import RunError
from simulator.interfaces import (
    ClickModel,
    Learner,
    PreferenceEvolution,
    Recommender,
    usage_of,
)
from simulator.manifest import data_sha256, provenance
from simulator.preference import FixedWeight
from simulator.run_lock import only_writer
from simulator.runlog import EPISODE_COLUMNS, Run, RunLog
from simulator.shapes import RecommenderLike, as_recommender
from simulator.showing import Draws, exposures, kept_weights
from simulator.validation import as_clicks, as_slates, check_settings

Progress = Callable[[Clicks], None]
"""Called with the answers of each block, as they come."""


def simulate(
    data: Dataset,
    recommender: RecommenderLike,
    clicks: ClickModel,
    *,
    rounds: int = 20,
    seed: int = 0,
    targets: IntArray | None = None,
    users: IntArray | None = None,
    vectors: Vectors | None = None,
    evolution: PreferenceEvolution | None = None,
    draws: Draws = "by target",
    beside: Mapping[str, ClickModel] | None = None,
    out: Path | None = None,
    config: Mapping[str, Any] | None = None,
    machine: Mapping[str, Any] | None = None,
    block_size: int | None = None,
    progress: Progress | None = None,
) -> Run:
    """Let users live with a recommender for some rounds.

    Args:
        data: Catalogue and histories; a simulation starts from the whole histories.
        recommender: Chooses what each episode is shown: an object with `recommend`, a function, a
            pointwise scorer or a generator (`simulator.shapes.as_recommender`).
        clicks: Decides, and so steers the run.
        rounds: At least 1.
        seed: Of all draws.
        targets: Items to steer towards, shape (n_targets,), distinct; each user has one episode
            for each target. None: one episode a user, without target.
        users: Which users take part, shape (n,), distinct; all by default.
        vectors: The space in which preferences live, scaled to unit length here; by default
            `recommender.vectors` where it has them, else none: then preferences do not move.
        evolution: How much users keep of their preference at a click; `FixedWeight()` by default.
        draws: See `Draws`.
        beside: Click models by name that answer the same exposures with the same draws, on
            record, without steering.
        out: The run directory; an interrupted run found there goes on. None: memory only.
        config: Settings to keep in the manifest beside those known here; a resume must repeat them.
        machine: How this machine plays it, for the manifest; another may resume the run.
        block_size: Episodes at a time; never changes results.
        progress: See `Progress`.

    Raises:
        ConfigError: If a setting is out of range or the recommender's answer is malformed.
        DataError: If a user has no history, or shapes disagree.
        UndecidedError: If a click model cannot decide and no fallback is declared.
        RunError: If `out` holds another run, or another process plays one there; or if memory runs
            out.
        NotWrittenError: If the disk is full, read-only or gone.
    """
    if vectors is None:
        vectors = getattr(recommender, "vectors", None)
    recommender = as_recommender(recommender, data)
    users = np.arange(data.n_users, dtype=np.int32) if users is None else users
    check_settings(data, rounds, users, targets, vectors)
    loop = _Loop(
        data=data,
        recommender=recommender,
        clicks=clicks,
        seed=seed,
        vectors=None if vectors is None else vectors.normalised(),
        evolution=evolution or FixedWeight(),
        draws=draws,
        beside=dict(beside or {}),
        block_size=block_size,
        progress=progress or (lambda _: None),
    )
    no_target = np.array([-1], dtype=np.int32)
    episodes = Episodes.pairs(
        users,
        no_target if targets is None else targets,
        data.interactions.histories,
        loop.vectors,
    )
    manifest = {
        **provenance(data),
        "machine": dict(machine or {}),
        "name": out.name if out else describe(recommender),
        "config": {
            "data": data.name,
            "data_sha256": data_sha256(data),
            "recommender": describe(recommender),
            "clicks": describe(clicks),
            "evolution": describe(loop.evolution),
            "draws": draws,
            "beside": {name: describe(model) for name, model in sorted(loop.beside.items())},
            "rounds": rounds,
            "seed": seed,
            "users": len(users),
            "targets": [] if targets is None else [data.catalogue.item_ids[t] for t in targets],
            **(config or {}),
        },
    }
    if out is None:
        return loop.run_in_memory(episodes, rounds, manifest)
    with only_writer(out):
        return loop.run_in(RunLog(out), episodes, rounds, manifest)


@dataclass(frozen=True, eq=False)
class _Loop:
    """The parts of a simulation that stay the same from round to round."""

    data: Dataset
    recommender: Recommender
    clicks: ClickModel
    seed: int
    vectors: Vectors | None
    evolution: PreferenceEvolution
    draws: Draws
    beside: dict[str, ClickModel]
    block_size: int | None
    progress: Progress
    cost: dict[str, float] = field(default_factory=dict)

    def run_in_memory(self, episodes: Episodes, rounds: int, manifest: Mapping[str, Any]) -> Run:
        """All rounds, nothing written."""
        start, at_start = _start_table(episodes), self._usage()
        tables = [self.round(episodes, number) for number in range(1, rounds + 1)]
        return Run(
            manifest,
            start,
            pd.concat(tables, ignore_index=True),
            self._total({}, at_start),
            titles=self.data.catalogue.titles,
        )

    def run_in(
        self, log: RunLog, episodes: Episodes, rounds: int, manifest: Mapping[str, Any]
    ) -> Run:
        """The rounds that `log` lacks, each written when it is done."""
        log.begin(manifest)
        done = log.finished_rounds()
        start = _start_table(episodes)
        if done:
            log.check_start(start)
            episodes.restore(log.read_state(done[-1]))
            self.cost.update(log.read_json("cost.json"))
        else:
            catalogue = self.data.catalogue
            items = pd.DataFrame({"item_id": catalogue.item_ids, "title": catalogue.titles})
            log.write_start(items, start)
        before, at_start = dict(self.cost), self._usage()
        for number in range(len(done) + 1, rounds + 1):
            table = self.round(episodes, number)
            log.write_json("cost.json", self._total(before, at_start))
            log.write_round(number, table, episodes.state())
        return Run.load(log.path)

    def round(self, episodes: Episodes, number: int) -> pd.DataFrame:
        """One round of all episodes, block by block.

        Raises:
            RunError: If memory runs out.
        """
        try:
            return self._round(episodes, number)
        except MemoryError as error:
            raise RunError(
                f"Memory ran out in round {number} ({str(error) or 'no more of it'}). Free some, "
                "or give `simulate` a smaller block_size: the run then goes on after its last "
                "whole round. Or play fewer users, or on more machines (--cluster ray), in another "
                "--out."
            ) from error

    def _round(self, episodes: Episodes, number: int) -> pd.DataFrame:
        began = time.perf_counter()
        if number > 1 and isinstance(self.recommender, Learner):
            self.recommender.learn(*episodes.past())
        parts = [
            self._block(episodes, block, number)
            for block in episodes.blocks(self.block_size, self.data.n_items)
        ]
        table = pd.concat(parts, ignore_index=True)
        similarity, rank = episodes.measure()
        slate = len(table) // len(episodes)
        table["similarity"] = np.repeat(similarity, slate)
        table["rank"] = np.repeat(rank, slate)
        self.cost["seconds"] = self.cost.get("seconds", 0.0) + time.perf_counter() - began
        self.cost["decisions"] = self.cost.get("decisions", 0.0) + len(table)
        return table

    def _block(self, episodes: Episodes, block: slice, number: int) -> pd.DataFrame:
        view = episodes.view(block, number, self.seed, self.data.n_items)
        slate = episodes.shown.shape[2] if episodes.shown.shape[1] else None
        answer = self.recommender.recommend(view)
        items = as_slates(answer, view, self.data, self.recommender, slate)
        if block.start == 0:
            episodes.open_round(items.shape[1])
        kept = kept_weights(view, self.evolution)
        shown = exposures(view, items, self.data, self.vectors, self.draws)
        answers = as_clicks(self.clicks.decide(shown), shown, self.clicks).require_decided()
        table = _exposure_table(shown, answers, np.repeat(kept, items.shape[1]))
        for name, model in self.beside.items():
            other = as_clicks(model.decide(shown), shown, model).require_decided()
            table[f"{name}:probability"] = other.probability
            table[f"{name}:clicked"] = other.clicked
        episodes.record(block, items, answers.clicked.reshape(items.shape), kept)
        self.progress(answers)
        return table

    def _total(
        self, before: Mapping[str, float], at_start: Mapping[str, float]
    ) -> dict[str, float]:
        """Cost so far: the loop's own counters, and the model's on top of earlier sittings'.

        A model counts from its making and may have served other runs, so what it had spent when
        this sitting began is taken off.
        """
        spent = {key: value - at_start.get(key, 0.0) for key, value in self._usage().items()}
        return {**self.cost, **{key: before.get(key, 0.0) + n for key, n in spent.items()}}

    def _usage(self) -> Mapping[str, float]:
        return {**usage_of(self.recommender), **usage_of(self.clicks)}


def _start_table(episodes: Episodes) -> pd.DataFrame:
    similarity, rank = episodes.measure()
    columns = (episodes.user, episodes.target, similarity, rank, episodes.knows_target())
    return pd.DataFrame(dict(zip(EPISODE_COLUMNS, columns, strict=True)))


def _exposure_table(shown: Exposures, answers: Clicks, kept: FloatArray) -> pd.DataFrame:
    """The columns of `EXPOSURE_COLUMNS` that are known before preferences have moved."""
    return pd.DataFrame(
        {
            "user": shown.user,
            "target": shown.target,
            "round": shown.round,
            "position": shown.position,
            "item": shown.item,
            "draw": shown.draw,
            "probability": answers.probability,
            "clicked": answers.clicked,
            "source": answers.source,
            "failure": answers.failure,
            "reason": answers.reason,
            "kept_weight": kept.astype(np.float32),
        }
    )
