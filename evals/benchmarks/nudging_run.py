"""How fast is a nudging run? ITMPRec with distribution clicks, beside a plain per-user loop.

    python -m evals.benchmarks.nudging_run --data ml-100k --targets 20

Both play the same rounds of the same episodes with the same draws; the plain loop, which takes one
user at a time as the method's pseudo-code does, plays a sample of them. Reported: rows a second of
both, their ratio, the share of rows in which both show the same item, and the peak memory.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import pandas as pd
from scipy.special import expit

from recommender import Arousal, ITMPRec
from recommender.nudge import Intentions
from simulator.clicks import DistributionClicks
from simulator.config import RunConfig
from simulator.domain import IntArray
from simulator.experiment import World, build_world
from simulator.runlog import Run
from simulator.seeding import uniforms
from simulator.session import simulate

_INTENTIONS, _TOP, _FLOOR = 32, 10, 0.2


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="ml-100k")
    parser.add_argument("--targets", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--sample", type=int, default=100, help="episodes of the plain loop")
    asked = parser.parse_args()
    config = RunConfig.read(
        None, {"data": asked.data, "targets": asked.targets, "rounds": asked.rounds}
    )
    world = build_world(config, print)
    clicks = DistributionClicks.preset("released-code")

    intentions = Intentions.fit(
        world.vectors.item, world.vectors.user, n_intentions=_INTENTIONS, seed=config.seed
    )
    _batched(world, intentions, clicks, config, world.users[:1])  # compiles the loops
    began = time.perf_counter()
    run = _batched(world, intentions, clicks, config, world.users)
    seconds = time.perf_counter() - began
    rows = len(run.exposures)

    episodes = run.episodes[["user", "target"]].sample(asked.sample, random_state=0)
    began = time.perf_counter()
    plain = _plain_loop(world, episodes, intentions, clicks, config)
    plain_seconds = time.perf_counter() - began
    both = plain.merge(run.exposures, on=["user", "target", "round"], suffixes=("_plain", ""))

    speed, plain_speed = rows / seconds, len(plain) / plain_seconds
    print(f"batched     {rows:>9,} rows {seconds:8.1f} s {speed:10,.0f} rows/s")
    print(f"plain loop  {len(plain):>9,} rows {plain_seconds:8.1f} s {plain_speed:10,.0f} rows/s")
    print(f"ratio       {speed / plain_speed:.1f}")
    print(f"same item   {(both['item'] == both['item_plain']).mean():.4%} of {len(both):,} rows")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


def _batched(
    world: World,
    intentions: Intentions,
    clicks: DistributionClicks,
    config: RunConfig,
    users: IntArray,
) -> Run:
    """All episodes of some users at once."""
    return simulate(
        world.data,
        ITMPRec(world.vectors, intentions=intentions),
        clicks,
        rounds=config.rounds,
        seed=config.seed,
        targets=world.targets,
        users=users,
        vectors=world.vectors,
        evolution=Arousal(world.vectors, top=_TOP, floor=_FLOOR),
    )


def _plain_loop(
    world: World,
    episodes: pd.DataFrame,
    intentions: Intentions,
    clicks: DistributionClicks,
    config: RunConfig,
) -> pd.DataFrame:
    """One user, one target, one round at a time."""
    items = world.vectors.item
    prototypes = intentions.prototypes
    item_prototype = prototypes[((items[:, None] - prototypes[None]) ** 2).sum(-1).argmin(1)]
    rows = []
    for user, target in episodes.to_numpy():
        preference = world.vectors.user[user]
        seen = set(world.data.interactions.histories[user].tolist())
        for number in range(1, config.rounds + 1):
            unseen = np.array([i for i in range(len(items)) if i not in seen])
            liking = items[unseen] @ preference
            own = prototypes[((prototypes - preference) ** 2).sum(1).argmin()]
            score = (expit(liking) + expit(item_prototype[unseen] @ own)) * (
                (items[unseen] - preference) @ items[target]
            )
            item = int(unseen[score.argmax()])
            favourites = unseen[np.argsort(-liking)[:_TOP]]
            moves = float(np.clip((items[favourites] @ items[target]).mean(), _FLOOR, 1))
            p = expit(clicks.w * (preference @ items[item] - clicks.b))
            if uniforms(config.seed, "click", user, target, number) < p:
                preference = (1 - moves) * preference + moves * items[item]
                preference = preference / np.linalg.norm(preference)
            # The target's rank after the round, which the batched run measures too.
            rank = int((items[unseen] @ preference > preference @ items[target]).sum())
            seen.add(item)
            rows.append((user, target, number, item, rank))
    return pd.DataFrame(rows, columns=["user", "target", "round", "item", "rank"])


if __name__ == "__main__":
    main()
