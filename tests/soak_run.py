"""A long run in a process of its own, which tells what it holds after each tenth round.

python soak_run.py FOLDER ROUNDS BLOCK_SIZE STOP_AFTER [encoded]
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
import threading
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np

from prompts import load_template
from recommender import RandomItems
from simulator.clicks import AgentClicks, DistributionClicks
from simulator.domain import Catalogue, Clicks, Dataset, FloatArray, Interactions, Vectors
from simulator.engines import ScriptedEngine, load_prompt_encoder
from simulator.engines.cached import CachedEngine
from simulator.engines.decision_cache import DecisionCache
from simulator.engines.local_answers import LocalEngine
from simulator.interfaces import Prompt
from simulator.session import simulate

N_USERS, N_ITEMS, WIDTH = 40, 320, 8
TARGETS = np.array([3, 170])


class QuickEngine(LocalEngine):
    """All that a local engine does, with a model that takes no time."""

    name = model = revision = precision = why = "quick"

    def __init__(self) -> None:
        super().__init__()
        self.settings: dict[str, object] = {}
        self.encoder = load_prompt_encoder("pocket")

    def _next_token(
        self, prompts: list[Prompt], encoded: list[list[int]], token_ids: list[int]
    ) -> FloatArray:
        digests = [zlib.crc32(np.asarray(ids).tobytes()) for ids in encoded]
        first = np.asarray([0.1 + (digest % 997) / 1_250 for digest in digests])
        share = np.full((len(encoded), len(token_ids)), 0.05 / len(token_ids))
        share[:, 0] = first
        share[:, -1] = 0.95 - first
        return np.log(share)

    def _continue(self, encoded: list[list[int]], max_tokens: int) -> list[list[int]]:
        raise NotImplementedError


def odd(text: str) -> float:
    """A probability as good as any, the same for the same prompt."""
    return (zlib.crc32(text.encode()) % 9_973) / 9_973


def world() -> tuple[Dataset, Vectors]:
    """Users enough for a long run to steer, and items enough for it to show."""
    generator = np.random.default_rng(3)
    catalogue = Catalogue(
        item_ids=[f"i{k}" for k in range(N_ITEMS)],
        titles=[f"The long night of the {k}th owl (19{k % 90 + 10})" for k in range(N_ITEMS)],
        categories=[("Drama", "Night") if k % 3 else ("Comedy",) for k in range(N_ITEMS)],
        domain="movies",
    )
    user = np.repeat(np.arange(N_USERS), 12)
    item = np.concatenate([generator.permutation(N_ITEMS)[:12] for _ in range(N_USERS)])
    past = Interactions.from_columns(
        user, item, np.tile(np.arange(12), N_USERS), n_users=N_USERS, n_items=N_ITEMS
    )
    vectors = Vectors(
        generator.normal(size=(N_USERS, WIDTH)).astype(np.float32),
        generator.normal(size=(N_ITEMS, WIDTH)).astype(np.float32),
    )
    return Dataset("soak", catalogue, past, [f"u{k}" for k in range(N_USERS)]), vectors


def held() -> dict[str, int]:
    """What the process holds: KiB of memory, open files, threads."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "kib": pages * os.sysconf("SC_PAGE_SIZE") // 1024,
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
    }


class Stopped(Exception):
    """The first sitting is over."""


def main(folder: Path, rounds: int, block_size: int, stop_after: int, kind: str) -> None:
    data, vectors = world()
    done = 0

    def progress(clicks: Clicks) -> None:
        nonlocal done
        if isinstance(engine, ScriptedEngine):
            engine.prompts.clear()  # it would keep them all
        done += len(clicks)
        round, rest = divmod(done, N_USERS * len(TARGETS))
        if rest == 0 and round % 10 == 0:
            sys.stdout.write(json.dumps({"round": round, **held()}) + "\n")
        if round >= stop_after:
            raise Stopped

    engine = QuickEngine() if kind == "encoded" else ScriptedEngine(odd)
    with closing(CachedEngine(engine, DecisionCache(folder / "decisions.sqlite"))) as cached:
        simulate(
            data,
            RandomItems(),
            AgentClicks(cached, load_template("movies/click-en")),
            rounds=rounds,
            targets=TARGETS,
            vectors=vectors,
            beside={"distribution": DistributionClicks(w=5.0, b=0.1)},
            out=folder / "run",
            block_size=block_size,
            progress=progress,
        )


if __name__ == "__main__":
    asked = sys.argv[1:]
    main(Path(asked[0]), *map(int, asked[1:4]), *(asked[4:] or ["scripted"]))
