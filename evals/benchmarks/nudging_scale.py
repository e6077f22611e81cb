"""How large can a nudging run be? Time and memory of a round, beside the bare matrix product.

    python -m evals.benchmarks.nudging_scale --users 2600 --items 20500 --targets 20
    python -m evals.benchmarks.nudging_scale --users 1000000 --items 50000 --targets 1 --history 20

Made-up users and items, ITMPRec with TIAC and distribution clicks. A round multiplies every
episode with every item twice, to choose what is shown and to find each user's favourites, and those
who clicked once more, to rank their target. The floor is the time of these products alone, in tiles
on all cores, taken from a sample of the users.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike

from recommender import Arousal, ITMPRec
from recommender.nudge import Intentions
from simulator.clicks import DistributionClicks
from simulator.domain import Catalogue, Dataset, FloatArray, Interactions, Vectors
from simulator.scores import each_tile
from simulator.session import simulate

_WIDTH, _PANEL, _SAMPLE = 64, 2048, 4096


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=2_600)
    parser.add_argument("--items", type=int, default=20_500)
    parser.add_argument("--targets", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--history", type=int, default=100, help="items a user starts with")
    asked = parser.parse_args()

    _play(_world(asked.users // 100 + 1, asked.items, 5), 1, 1)  # compiles the loops
    world = _world(asked.users, asked.items, asked.history)
    seconds, start, click_rate = _play(world, asked.targets, asked.rounds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    episodes, pairs = asked.users * asked.targets, asked.users * asked.targets * asked.items
    products = (2 + click_rate) * pairs * asked.rounds
    print(f"{asked.users:,} users x {asked.items:,} items x {asked.targets} targets")
    print(f"peak memory    {peak:8.2f} GiB")
    print(f"first ranks    {start:8.2f} s")
    print(f"{asked.rounds} rounds       {seconds:8.2f} s, {1e6 * seconds / episodes:.1f} us a row")
    for kind in (np.float32, np.float64):
        floor = products * _bare_product(world[1], kind)
        name = np.dtype(kind).name
        print(f"bare {name}   {floor:8.2f} s, the rounds take {seconds / floor:.2f} times as long")


def _world(n_users: int, n_items: int, history: int) -> tuple[Dataset, Vectors]:
    generator = np.random.default_rng(0)
    user = np.repeat(np.arange(n_users, dtype=np.int32), history)
    item = generator.integers(0, n_items, len(user), dtype=np.int32)
    interactions = Interactions(user, item, np.zeros(len(user), np.int64), None, n_users, n_items)
    names = [str(i) for i in range(n_items)]
    data = Dataset(
        "made up",
        Catalogue(names, names, [()] * n_items),
        interactions,
        [str(i) for i in range(n_users)],
    )
    return data, Vectors(_directions(generator, n_users), _directions(generator, n_items))


def _directions(generator: np.random.Generator, n: int) -> FloatArray:
    """Unit vectors around a common direction, as trained ones are."""
    rows = generator.standard_normal((n, _WIDTH), dtype=np.float32)
    rows[:, 0] += 4
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def _play(
    world: tuple[Dataset, Vectors], n_targets: int, rounds: int
) -> tuple[float, float, float]:
    """Seconds of the rounds, seconds before them, and the click rate."""
    data, vectors = world
    intentions = Intentions.fit(vectors.item[:2000], n_intentions=32, seed=0)
    recommender = ITMPRec(vectors, intentions=intentions)
    began = time.perf_counter()
    run = simulate(
        data,
        recommender,
        DistributionClicks.preset("released-code"),
        rounds=rounds,
        targets=np.arange(n_targets, dtype=np.int32),
        vectors=vectors,
        evolution=Arousal(vectors),
    )
    whole, seconds = time.perf_counter() - began, run.cost["seconds"]
    return seconds, whole - seconds, float(run.exposures["clicked"].mean())


def _bare_product(vectors: Vectors, kind: DTypeLike) -> float:
    """Seconds of one user's product with one item."""
    users, items = vectors.user[:_SAMPLE].astype(kind), vectors.item.astype(kind)

    def multiply(part: slice) -> None:
        for first in range(0, len(items), _PANEL):
            _ = users[part] @ items[first : first + _PANEL].T

    return _least(lambda: each_tile(len(users), multiply)) / (len(users) * len(items))


def _least(work: Callable[[], None]) -> float:
    """Seconds of the fastest of three goes."""
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


if __name__ == "__main__":
    main()
