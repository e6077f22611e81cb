"""The main job with a real language model: the pocket agent, through vLLM and transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evals import compare, write_report
from simulator.config import RunConfig
from simulator.data import load_dataset
from simulator.errors import LabelError
from simulator.experiment import build_world, judge_click_models, make_agent, run_experiment

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

SETTINGS = {"users": 12, "targets": 2, "rounds": 4, "clicks": "agent", "agent.model": "pocket"}


def nothing(_: str) -> None:
    """Say nothing."""


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder that the tests here share, so that vectors are trained once."""
    folder = tmp_path_factory.getbasetemp() / "shared-cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))


def test_the_agent_clicks_its_way_through_a_run(tmp_path: Path) -> None:
    runs = {}
    for engine in ("vllm", "transformers"):
        config = RunConfig.read(None, {**SETTINGS, "agent.engine": engine})
        runs[engine] = run_experiment(config, tmp_path / engine)
    rows = runs["vllm"].exposures
    assert len(rows) == 12 * 2 * 4
    assert set(rows["source"]) == {"agent"}
    assert (rows["failure"] == "").all()
    assert rows["probability"].between(0.01, 0.99).mean() > 0.9
    assert np.array_equal(rows["clicked"], rows["draw"] < rows["probability"])
    assert runs["vllm"].beside == ("distribution",)
    assert runs["vllm"].cost["cached_tokens"] > 0
    # Both engines run the same model, so they play the same run.
    other = runs["transformers"].exposures
    assert np.array_equal(rows["item"], other["item"])
    assert np.array_equal(rows["clicked"], other["clicked"])
    assert np.allclose(rows["probability"], other["probability"], atol=1e-3)

    report = tmp_path / "report.html"
    comparison = compare(list(runs.values()))
    write_report(comparison, report, titles=runs["vllm"].titles)
    page = report.read_text(encoding="utf-8")
    assert "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    agreement = comparison.agreement
    assert set(agreement["kind"]) == {"beside", "shared"}


def test_a_second_run_asks_the_model_nothing(tmp_path: Path) -> None:
    cache = str(tmp_path / "decisions.sqlite")
    flags = {**SETTINGS, "agent.engine": "transformers", "agent.cache": cache}
    config = RunConfig.read(None, flags)
    first, again = (run_experiment(config, tmp_path / name) for name in ("first", "again"))
    asked = first.cost["requests"]
    assert 0 < asked <= len(first.exposures)
    assert first.cost["decisions_from_cache"] == 0
    assert again.cost["requests"] == again.cost["prompt_tokens"] == 0
    assert again.cost["decisions_from_cache"] == asked
    for path in sorted((tmp_path / "first" / "rounds").iterdir()):
        assert path.read_bytes() == (tmp_path / "again" / "rounds" / path.name).read_bytes()
    summaries = [(tmp_path / name / "summary.json").read_bytes() for name in ("first", "again")]
    assert summaries[0] == summaries[1]


def test_a_taste_moves_the_agent() -> None:
    """Users who like what is shown click more often than users who do not."""
    config = RunConfig.read(None, {**SETTINGS, "agent.engine": "transformers"})
    data = load_dataset("demo")
    agent = make_agent(config.agent, data, 0, nothing)
    judged = judge_click_models(config, data, agent, nothing, exposures=800)
    agent.close()
    assert judged.value("agent", "auc") > judged.value("distribution", "auc")
    assert judged.value("agent", "log_loss") < judged.value("distribution", "log_loss")
    assert judged.value("truth", "auc_reached") == pytest.approx(1.0)
    assert judged.failures.empty


def test_labels_that_are_no_single_token_are_named(tmp_path: Path) -> None:
    from prompts import load_template

    template = tmp_path / "odd.j2"
    text = load_template("movies/click-en").text
    template.write_text(text.replace('click: "yes"', 'click: "absolutely"'), encoding="utf-8")
    config = RunConfig.read(
        None, {**SETTINGS, "agent.engine": "transformers", "agent.template": str(template)}
    )
    world = build_world(config, nothing)
    agent = make_agent(config.agent, world.data, 0, nothing)
    with pytest.raises(LabelError, match="absolutely"):
        agent.decide(world.data.logged_exposures(np.arange(3)))
    agent.close()
