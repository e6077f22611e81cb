"""What does a prefix cache spare in a nudging run, where the histories of a user drift apart?

    python -m evals.benchmarks.prefix_reuse --data ml-100k --users 60 --targets 20 --rounds 20

Each user is nudged towards every target, so a user's episodes begin with one history and end with
as many as there are targets. The agent reads all prompts of the run through vLLM, twice: with the
template's window, from which old items leave several at a time, and with one from which they leave
one by one. The distribution model steers, so that both read the same histories. For each round:
the share of prompt tokens that vLLM's own counters say came from its cache, the tokens computed a
decision, and those tokens over what is unavoidable with its cache blocks, were nothing kept from
the rounds before (below 1 where what was kept is used again).
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np

from prompts import Template, load_template, shipped_examples
from recommender import ITMPRec
from recommender.nudge import Intentions
from simulator.clicks import AgentClicks, DistributionClicks
from simulator.config import RunConfig
from simulator.domain import Clicks, Exposures
from simulator.engines import VllmEngine
from simulator.engines.token_tree import unavoidable_tokens
from simulator.experiment import World, build_world
from simulator.session import simulate


class Metering:
    """Answers as the agent does, and notes what each round takes."""

    def __init__(self, agent: AgentClicks, engine: VllmEngine) -> None:
        self.agent = agent
        self.engine = engine
        self.rounds: dict[int, Counter[str]] = {}

    def decide(self, shown: Exposures) -> Clicks:
        """Decide every row."""
        before = Counter(self.engine.usage())
        clicks = self.agent.decide(shown)
        spent = Counter(self.engine.usage())
        spent.subtract(before)
        distinct = list(set(self.agent.prompts(shown)))
        block = int(self.engine.settings["block_size"])
        spent["unavoidable"] = unavoidable_tokens(self.engine.encoder.encode(distinct), block)
        self.rounds.setdefault(int(shown.round[0]), Counter()).update(spent)
        return clicks


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="ml-100k")
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--template", default="movies/click-en")
    parser.add_argument("--users", type=int, default=60)
    parser.add_argument("--targets", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=20)
    asked = parser.parse_args()

    names = ("data", "users", "targets", "rounds")
    config = RunConfig.read(None, {name: getattr(asked, name) for name in names})
    world = build_world(config, lambda line: print("·", line))
    template = load_template(asked.template)
    ways = {"in blocks": template, "one by one": _one_by_one(template)}
    metered = {name: _play(config, world, way, asked.model) for name, way in ways.items()}

    print(f"\n{'round':>5}", *(f"{name:>32}" for name in ways), sep="  ")
    print(f"{'':>5}", *(f"{'reused  computed  of unavoidable':>32}" for _ in ways), sep="  ")
    for number in (*range(1, asked.rounds + 1), None):
        cells = [_cells(rounds, number) for rounds in metered.values()]
        print(f"{number or 'all':>5}", *cells, sep="  ")
    blocks, singly = (sum(rounds.values(), Counter[str]()) for rounds in metered.values())
    saved = 1 - _computed(blocks) / _computed(singly)
    window, drop = template.history.window, template.history.drop
    print(f"\nA window of {window} that drops {drop} at a time spares {saved:.1%} of the tokens")
    print("computed with one that drops 1 at a time.")


def _play(
    config: RunConfig, world: World, template: Template, model: str
) -> dict[int, Counter[str]]:
    space = world.vectors
    intentions = Intentions.fit(space.user, space.item, n_intentions=32, seed=config.seed)
    with closing(VllmEngine(model)) as engine:
        agent = AgentClicks(engine, template, examples=shipped_examples(template))
        metering = Metering(agent, engine)
        simulate(
            world.data,
            ITMPRec(world.vectors, intentions=intentions),
            DistributionClicks.preset("released-code"),
            rounds=config.rounds,
            targets=world.targets,
            users=world.users,
            vectors=world.vectors,
            beside={"agent": metering},
        )
    return metering.rounds


def _one_by_one(template: Template) -> Template:
    """The same template with a window that drops one item at a time."""
    text = re.sub(r"drop: \d+", "drop: 1", template.text)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one-by-one.j2"
        path.write_text(text, encoding="utf-8")
        return load_template(path)


def _computed(spent: Counter[str]) -> int:
    return int(spent["prompt_tokens"] - spent["cached_tokens"])


def _cells(rounds: dict[int, Counter[str]], number: int | None) -> str:
    spent = rounds[number] if number else sum(rounds.values(), Counter[str]())
    computed = _computed(spent)
    share = spent["cached_tokens"] / spent["prompt_tokens"]
    each = computed / spent["requests"]
    over = computed / spent["unavoidable"] if spent["unavoidable"] else np.nan
    return f"{share:>6.1%}  {each:>8.1f}  {over:>14.2f}"


if __name__ == "__main__":
    main()
