"""Recommenders that plan whole paths: IRN, trained once and kept, and LLM-IPP."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from prompts import PromptRenderer, load_template, template_names
from prompts.quoting import ShownItem
from recommender import NextItem, PresentPreference
from recommender.nudge import LLMIPP
from simulator.config import RunConfig
from simulator.experiment.world import Say, World, cached
from simulator.interfaces import Engine

if TYPE_CHECKING:
    from recommender.nudge import IRN


def irn(config: RunConfig, world: World, say: Say) -> IRN:
    """IRN with a trained network, from the cache folder where it is there already."""
    from recommender.nudge import IRN, IRNSettings, fit_irn, load_irn, save_irn

    interactions = world.data.interactions
    settings = IRNSettings(rounds=config.rounds)
    path = cached("irn", interactions, asdict(settings), config.seed)
    if not path.exists():
        say(f"training irn on {len(interactions):,} interactions")
        network = fit_irn(
            interactions,
            settings,
            seed=config.seed,
            progress=lambda epoch: say(
                f"irn, epoch {epoch.number}: validation loss {epoch.validation:.3f}"
            ),
        )
        save_irn(path, network, {"seed": config.seed, "data": world.data.name})
    return IRN(load_irn(path)[0], interactions.histories)


def llm_ipp(config: RunConfig, world: World, engine: Engine) -> LLMIPP:
    """LLM-IPP with the data's own path template; past a path's end, the best-liked items."""
    catalogue = world.data.catalogue
    own = f"{catalogue.domain}/path-en"
    name = own if own in template_names("path") else "general/path-en"
    template = load_template(name, steps=config.rounds)
    return LLMIPP(
        engine,
        PromptRenderer(template, catalogue).render,
        [ShownItem(title).title for title in catalogue.titles],
        world.data.interactions.histories,
        rounds=config.rounds,
        beyond=NextItem(PresentPreference(world.vectors)),
        answers=cached("llm-ipp", world.data.interactions, name).with_suffix(".jsonl"),
    )
