"""What a sitting may spend, and what a run is forecast to take."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from prompts import load_template
from recommender import RandomItems
from simulator.clicks import AgentClicks
from simulator.config import RunConfig
from simulator.domain import Dataset
from simulator.engines import ScriptedEngine
from simulator.engines.cached import CachedEngine
from simulator.engines.decision_cache import DecisionCache
from simulator.engines.limited import Budget, LimitedEngine
from simulator.errors import BudgetSpentError, ConfigError
from simulator.experiment import build_world, forecast, run_experiment
from simulator.interfaces import Prompt
from simulator.session import simulate

TEMPLATE = load_template("movies/click-en")
PROMPTS = [
    Prompt("ten words that are the same in every prompt here ", "", str(k)) for k in range(9)
]


def test_a_call_that_has_begun_is_finished_and_the_next_refused() -> None:
    engine = LimitedEngine(ScriptedEngine(0.3), Budget(tokens=50))
    assert len(engine.label_probabilities(PROMPTS, ["yes", "no"]).mass) == 9
    with pytest.raises(BudgetSpentError, match=r"99 tokens are spent of 50.*same command"):
        engine.label_probabilities(PROMPTS[:1], ["yes", "no"])
    with pytest.raises(BudgetSpentError):
        engine.generate(PROMPTS[:1], max_tokens=1)
    assert (engine.name, engine.model) == ("scripted", "scripted")


def test_what_an_engine_spent_before_is_not_counted() -> None:
    scripted = ScriptedEngine(0.3)
    scripted.label_probabilities(PROMPTS, ["yes", "no"])
    LimitedEngine(scripted, Budget(tokens=50)).label_probabilities(PROMPTS, ["yes", "no"])


def test_hours_run_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("simulator.engines.limited.time.monotonic", lambda: now)
    engine = LimitedEngine(ScriptedEngine(0.3), Budget(hours=0.5))
    now += 1799
    engine.label_probabilities(PROMPTS, ["yes", "no"])
    now += 2
    with pytest.raises(BudgetSpentError, match=r"0\.50 hours are over of 0\.5"):
        engine.label_probabilities(PROMPTS, ["yes", "no"])


def test_a_budget_is_above_zero() -> None:
    for budget in ({"tokens": 0}, {"hours": -1.0}, {"hours": float("nan")}):
        with pytest.raises(ConfigError, match="must be above 0"):
            Budget(**budget)


def test_a_run_goes_on_sitting_by_sitting_to_the_same_end(data: Dataset, tmp_path: Path) -> None:
    def play(out: Path, cache: Path, budget: Budget) -> None:
        engine = LimitedEngine(ScriptedEngine(lambda text: len(text) % 10 / 10), budget)
        with closing(CachedEngine(engine, DecisionCache(cache))) as cached:
            agent = AgentClicks(cached, TEMPLATE)
            simulate(data, RandomItems(), agent, rounds=4, out=out, block_size=3)

    play(tmp_path / "whole", tmp_path / "a.sqlite", Budget())
    sittings = 0
    while True:
        sittings += 1
        try:
            play(tmp_path / "parts", tmp_path / "b.sqlite", Budget(tokens=2_000))
        except BudgetSpentError:
            continue
        break
    assert sittings > 3
    for number in range(1, 5):
        name = f"rounds/round-{number:03d}.parquet"
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()


def nothing(_: str) -> None:
    """Say nothing."""


SETTINGS = {"users": 30, "targets": 3, "rounds": 6, "agent.engine": "transformers"}


@pytest.mark.slow
def test_a_forecast_is_near_what_comes(tmp_path: Path) -> None:
    config = RunConfig.read(None, {**SETTINGS, "agent.cache": "none"})
    world = build_world(config, nothing)
    expected = forecast(config, nothing, world=world)
    half = forecast(config, nothing, world=world, rounds_done=3)
    run = run_experiment(config, tmp_path / "run", world=world)
    assert expected.decisions == len(run.exposures) == 2 * half.decisions
    assert expected.asked == pytest.approx(run.cost["requests"], rel=0.1)
    assert expected.prompt_tokens == pytest.approx(run.cost["prompt_tokens"], rel=0.1)
    assert expected.cached_tokens == pytest.approx(run.cost["cached_tokens"], rel=0.2)
    assert 0.4 < half.prompt_tokens / expected.prompt_tokens < 0.65
    assert expected.seconds > 0
    assert expected.price(2.0) == pytest.approx(2e-6 * expected.prompt_tokens)
    assert expected.price(2.0, 0.0) < expected.price(2.0, 1.0) < expected.price(2.0)
    assert forecast(config, nothing, world=world, rounds_done=6).decisions == 0


def test_only_an_agent_can_be_forecast() -> None:
    for flags, words in (
        ({"clicks": "distribution"}, "has none"),
        ({"recommender": "llm-ipp"}, "llm-ipp"),
    ):
        with pytest.raises(ConfigError, match=words):
            forecast(RunConfig.read(None, flags), nothing)


@pytest.mark.slow
def test_the_command_line_forecasts_stops_and_goes_on(
    tmp_path: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    def nudgesim(*arguments: str) -> tuple[int, str]:
        run = ["run", "--users", "20", "--targets", "2", "--rounds", "2"]
        out = ["--engine", "transformers", "--out", str(tmp_path / "run")]
        cache = ["--cache", str(tmp_path / "decisions.sqlite")]
        code, output, errors = command(*run, *out, *cache, *arguments)
        return code, output + errors

    code, said = nudgesim("--dry-run", "--price", "0.5")
    assert code == 0
    for words in ("decisions", "80", "prompt tokens", "prefix cache", "time", "price"):
        assert words in said
    assert not (tmp_path / "run").exists()

    code, said = nudgesim("--max-tokens", "1000")
    assert code == 3
    assert "Repeat the same command" in said
    code, said = nudgesim("--max-tokens", "1000000")
    assert code == 0
    assert "80 decisions" in said

    code, said = nudgesim("--clicks", "distribution", "--max-hours", "1")
    assert (code, "leave them out" in said) == (2, True)
    code, said = nudgesim("--cascade", "0.8:0.2")
    assert (code, "rising" in said) == (2, True)
    code, said = nudgesim("--cascade", "0.8")
    assert (code, "0.2:0.8" in said) == (2, True)
