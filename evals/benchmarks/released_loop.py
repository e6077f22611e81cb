"""How much faster is a nudging run than the way ITMPRec's released code goes about it?

    python -m evals.benchmarks.released_loop --data ml-100k --targets 20

Both play ITMPRec with TIAC and distribution clicks behind a sequence encoder, with the same
vectors, rules and draws. The released way, in a plain rewrite, takes one target after another, on
one thread: in each round it encodes every user's window at every position and scores every item, in
batches, and then goes through the users one by one: TIAC takes the cosines of the unseen items, and
all items are sorted for the choice and for the target's rank. It plays a sample of the targets. The
encoder is not trained, which changes what is shown and not how long it takes. Processor seconds are
told too, for a machine that is not idle.
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import torch
from scipy.special import expit
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.nn.functional import cosine_similarity

from recommender import Arousal, ITMPRec
from recommender.nudge import Intentions
from recommender.sequence import EncoderSettings, SequenceEncoder, SequenceModel
from recommender.sequence.windows import windows
from simulator.clicks import DistributionClicks
from simulator.config import RunConfig
from simulator.domain import FloatArray, IntArray, Ragged
from simulator.domain.vectors import unit_rows
from simulator.experiment import World, build_world
from simulator.seeding import uniforms
from simulator.session import simulate

_TOP, _FLOOR, _DECIMALS, _BATCH = 10, 0.2, 3, 256
_CLICKS = DistributionClicks.preset("released-code")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="ml-100k")
    parser.add_argument("--targets", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--sample", type=int, default=1, help="targets of the released way")
    asked = parser.parse_args()
    config = RunConfig.read(
        None, {"data": asked.data, "targets": asked.targets, "rounds": asked.rounds}
    )
    game = _Game.of(build_world(config, print), asked.rounds)

    game.ours(game.world.targets[:1], game.world.users[:1])  # compiles the loops
    with _Clock() as fast:
        run = game.ours(game.world.targets, game.world.users)
    torch.set_num_threads(1)
    with threadpool_limits(limits=1), _Clock() as slow:
        plain = pd.concat([game.released_way(int(j)) for j in game.world.targets[: asked.sample]])

    both = plain.merge(run, on=["user", "target", "round"], suffixes=("_plain", ""))
    same = {name: (both[name] == both[f"{name}_plain"]).mean() for name in ("item", "rank")}
    print("seconds a target    wall    processor")
    print(f"released way    {slow.wall / asked.sample:8.2f} {slow.processor / asked.sample:12.2f}")
    print(
        f"nudgesim        {fast.wall / asked.targets:8.2f} {fast.processor / asked.targets:12.2f}"
    )
    share = asked.targets / asked.sample
    print(
        f"ratio           {share * slow.wall / fast.wall:8.1f} "
        f"{share * slow.processor / fast.processor:12.1f}"
    )
    print(f"same item {same['item']:.3%} of {len(both):,} rows, same rank {same['rank']:.3%}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


class _Clock:
    """Seconds that a block takes."""

    def __enter__(self) -> Self:
        self._began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self._began[0]
        self.processor = time.process_time() - self._began[1]


@dataclass(frozen=True)
class _Game:
    """What both ways play."""

    world: World
    rounds: int
    encoder: SequenceEncoder
    intentions: Intentions

    @classmethod
    def of(cls, world: World, rounds: int) -> _Game:
        torch.manual_seed(0)
        n_items, dimension = world.vectors.item.shape
        encoder = SequenceEncoder(n_items, EncoderSettings(dimension=dimension)).eval()
        with torch.no_grad():
            encoder.items.weight[1:] = torch.from_numpy(world.vectors.item)
        intentions = Intentions.fit(world.vectors.item, n_intentions=32, seed=0)
        return cls(world, rounds, encoder, Intentions(intentions.prototypes, "cosine"))

    def ours(self, targets: IntArray, users: IntArray) -> pd.DataFrame:
        """All targets at once."""
        vectors, model = self.world.vectors, SequenceModel(self.encoder)
        return simulate(
            self.world.data,
            ITMPRec(vectors, intentions=self.intentions, representation=model, nudge="cosine"),
            _CLICKS,
            rounds=self.rounds,
            targets=targets,
            users=users,
            vectors=vectors,
            evolution=Arousal(
                vectors, representation=model, top=_TOP, floor=_FLOOR, decimals=_DECIMALS
            ),
        ).exposures

    def released_way(self, target: int) -> pd.DataFrame:
        """One target: the users in batches to the encoder, then one by one."""
        space = self.world.vectors.normalised()
        users = self.world.users
        past = [self.world.data.interactions.histories[u].tolist() for u in users]
        unknown = ~Ragged.from_rows(past).mask(len(space.item))
        unknown[:, target] = True
        seen = [set(items) for items in past]
        preference, rows = space.user[users].copy(), []
        for number in range(1, self.rounds + 1):
            scores, states = self._score(past, target)
            draw = uniforms(0, "click", users, np.full(len(users), target), number)
            for k, user in enumerate(users):
                item = next(i for i in np.argsort(-scores[k], kind="stable") if i not in seen[k])
                kept = self._kept_weight(states[k], seen[k], target)
                p = expit(_CLICKS.w * (preference[k] @ space.item[item] - _CLICKS.b))
                if draw[k] < p:
                    moved = kept * preference[k] + (1 - kept) * space.item[item]
                    preference[k] = moved / np.linalg.norm(moved)
                    past[k].append(item)
                seen[k].add(item)
                order = np.argsort(-(space.item @ preference[k]), kind="stable")
                rank = int(np.flatnonzero(order[unknown[k][order]] == target)[0])
                rows.append((user, target, number, item, rank))
        return pd.DataFrame(rows, columns=["user", "target", "round", "item", "rank"])

    def _kept_weight(self, state: Tensor, seen: set[int], target: int) -> np.float32:
        """TIAC for one user."""
        items = self.encoder.item_vectors().detach()
        unseen = torch.tensor([i for i in range(len(items)) if i not in seen])
        liked = cosine_similarity(state[None], items[unseen]).topk(_TOP).indices
        pull = cosine_similarity(items[unseen[liked]], items[target][None]).mean()
        return np.float32(1 - pull.clip(_FLOOR, 1)).round(_DECIMALS)

    def _score(self, past: list[list[int]], target: int) -> tuple[FloatArray, Tensor]:
        """Every item's score for every user, and what the encoder makes of the users."""
        items = self.encoder.item_vectors().detach().numpy()
        ids = windows(Ragged.from_rows(past), self.encoder.settings.max_length).astype(np.int64)
        with torch.inference_mode():
            batches = [
                self.encoder(torch.from_numpy(ids[start : start + _BATCH]))[:, -1]
                for start in range(0, len(ids), _BATCH)
            ]
        encoded = torch.cat(batches)
        states, prototypes, directions = (
            encoded.numpy(),
            self.intentions.prototypes,
            unit_rows(items),
        )
        nearest = (states @ unit_rows(prototypes).T).argmax(axis=1)
        items_nearest = (items @ unit_rows(prototypes).T).argmax(axis=1)
        shared = expit(prototypes[nearest] @ prototypes[items_nearest].T)
        nudges = directions @ directions[target] - unit_rows(states) @ directions[[target]].T
        return (expit(states @ items.T) + shared) * nudges, encoded


if __name__ == "__main__":
    main()
