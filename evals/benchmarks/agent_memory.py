"""How much memory does a large run of the click agent take, beside its model?

    python -m evals.benchmarks.agent_memory --users 1000000 --history 50 --rounds 2

Made-up users play one episode each. Everything is there but the network: prompts are rendered,
turned into the pocket agent's tokens, looked up and kept in a decision cache, decided, and written
to a run directory, from which the summary is made. In the network's place stands a rule over the
prompt's length. Reported is the peak of the resident memory, and how much of it was taken before
the world was made (Python, libraries, the tokenizer).
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from evals.summary import summarise
from prompts import load_template, shipped_examples
from recommender import IPG, RandomItems
from simulator.clicks import AgentClicks
from simulator.domain import Catalogue, Dataset, Interactions, Vectors
from simulator.engines import load_prompt_encoder
from simulator.engines.cached import CachedEngine
from simulator.engines.decision_cache import DecisionCache
from simulator.engines.usage import Usage
from simulator.interfaces import LabelProbabilities, Prompt
from simulator.session import simulate

_WIDTH = 64


class RuleEngine:
    """P(first label) from the number of tokens; encodes as a real engine does."""

    name = model = "rule"

    def __init__(self) -> None:
        self.encoder = load_prompt_encoder("pocket")
        self._usage = Usage()

    def label_probabilities(
        self, prompts: Sequence[Prompt], labels: Sequence[str]
    ) -> LabelProbabilities:
        """One row a prompt."""
        with self._usage.call():
            lengths = self.encoder.count_tokens(prompts)
            first = (lengths % 10 / 10).astype(np.float32)
            probabilities = np.stack([first, 1 - first], axis=1)
            failure = np.full(len(prompts), "", dtype=object)
            self._usage.prompt_tokens += int(lengths.sum())
            self._usage.requests += len(prompts)
        return LabelProbabilities(probabilities, np.ones(len(prompts), np.float32), failure)

    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int) -> list[str]:
        """Not asked here."""
        raise NotImplementedError

    def usage(self) -> Mapping[str, float]:
        """Counters since its making."""
        return self._usage.as_mapping()


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--history", type=int, default=50, help="items a user starts with")
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--recommender", choices=("random", "ipg"), default="random")
    asked = parser.parse_args()

    template = load_template("movies/click-en")
    engine = RuleEngine()
    engine.encoder.encode([Prompt("so that the tokenizer is in memory", "", "")])
    before = _peak()
    data, vectors = _world(asked.users, asked.items, asked.history)
    made = _peak()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        cached = CachedEngine(engine, DecisionCache(Path(folder) / "decisions.sqlite"))
        run = simulate(
            data,
            IPG(vectors) if asked.recommender == "ipg" else RandomItems(),
            AgentClicks(cached, template, examples=shipped_examples(template)),
            rounds=asked.rounds,
            targets=np.zeros(1, dtype=np.int32),
            vectors=vectors,
            out=Path(folder) / "run",
        )
        played, seconds = _peak(), time.perf_counter() - began
        summarise(run)
        cached.close()
    rows, tokens = len(run.exposures), run.cost["prompt_tokens"]
    print(f"{asked.users:,} episodes, histories of {asked.history}, {asked.rounds} rounds")
    print(f"before the world      {before:6.2f} GiB")
    print(f"with the world        {made:6.2f} GiB")
    print(f"after the rounds      {played:6.2f} GiB")
    print(
        f"after the summary     {_peak():6.2f} GiB, {_peak() - before:.2f} beside what was before"
    )
    print(f"{rows / seconds:,.0f} decisions/s with no model, {tokens / rows:,.0f} tokens a prompt")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _world(n_users: int, n_items: int, history: int) -> tuple[Dataset, Vectors]:
    generator = np.random.default_rng(0)
    user = np.repeat(np.arange(n_users, dtype=np.int32), history)
    item = generator.integers(0, n_items, len(user), dtype=np.int32)
    interactions = Interactions(user, item, np.zeros(len(user), np.int64), None, n_users, n_items)
    titles = [f"The Film with Number {i} (19{i % 100:02d})" for i in range(n_items)]
    data = Dataset(
        "made up",
        Catalogue([str(i) for i in range(n_items)], titles, [("Drama",)] * n_items),
        interactions,
        [str(i) for i in range(n_users)],
    )
    sides = (generator.standard_normal((n, _WIDTH), dtype=np.float32) for n in (n_users, n_items))
    return data, Vectors(*sides)


if __name__ == "__main__":
    main()
