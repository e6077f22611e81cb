"""How true are the click models? The agent, the fitted distribution and, if known, the truth."""

from __future__ import annotations

from dataclasses import replace

from evals.judgement import Judgement
from evals.judging import judge
from simulator.clicks import AgentClicks
from simulator.config import RunConfig
from simulator.data.demo import true_click_probability
from simulator.domain import Clicks, Dataset, Exposures
from simulator.experiment.labelled import labelled_exposures
from simulator.experiment.parts import fit_distribution
from simulator.experiment.split import known_before, split_log
from simulator.experiment.world import Say, fit_vectors
from simulator.interfaces import ClickModel
from simulator.seeding import sample_rows


class TrueClicks:
    """The demo world's own law, as a click model: the most that any model can reach."""

    def decide(self, shown: Exposures) -> Clicks:
        """Decide by the true probability; every row."""
        probability = true_click_probability(shown.user, shown.item)
        return Clicks.from_probability(probability, shown.draw, source="truth")


def judge_click_models(
    config: RunConfig, data: Dataset, agent: ClickModel, say: Say, *, exposures: int = 2000
) -> Judgement:
    """Judge models on held-out users' late exposures, which none of them has learnt from.

    Args:
        config: The settings of the distribution's vectors.
        data: With a log.
        agent: The model to be judged beside the fitted distribution; an `AgentClicks` is told of
            users what was known before the judged exposures.
        say: Told what is going on.
        exposures: How many of the held-out exposures, drawn by seed.

    Returns:
        Of "agent", "distribution" (fitted, the base) and, in the demo world, "truth".

    Raises:
        ConfigError: If the data has no log to judge by.
        DataError: If the drawn exposures are all clicks or all no-clicks.
    """
    split = split_log(data)
    if isinstance(agent, AgentClicks):
        agent = agent.knowing(known_before(data, split.judging))
    rows = split.judging[sample_rows(config.seed, "judge", len(split.judging), exposures)]
    vectors = fit_vectors(split.early, config.vectors, config.seed, say).normalised()
    log = labelled_exposures(data, rows, split.early, cautions=split.cautions)
    models: dict[str, ClickModel] = {
        "agent": agent,
        "distribution": fit_distribution(config, data, say),
    }
    if log.truth is not None:
        models["truth"] = TrueClicks()
    shown = log.shown.with_vectors(vectors)
    return judge(models, replace(log, shown=shown), base="distribution")
