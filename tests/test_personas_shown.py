"""Personas in prompts: to whom they are shown, what binds them, and that none tells an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from persona_worlds import flipped, over_time

from evals.bootstrap import Bootstrap
from evals.probes.variant import Variant
from prompts import Personas, PromptRenderer, load_template
from simulator.clicks import AgentClicks
from simulator.clicks.calibration import AskedAgent, FittedCalibration, Origin, Platt
from simulator.config import AgentConfig, RunConfig
from simulator.domain import Dataset, IntArray, Ragged
from simulator.engines import ScriptedEngine
from simulator.errors import ConfigError, DataError
from simulator.experiment import asking, judging
from simulator.experiment.agents import agent_on
from simulator.experiment.asking import Questions, ask_agents
from simulator.experiment.judging import judge_click_models
from simulator.experiment.labelled import labelled_exposures
from simulator.experiment.split import example_givers, known_before, split_log, users_split
from simulator.experiment.subjects import read_subjects
from simulator.experiment.world import build_world
from simulator.lab import Lab, sweep_variants
from simulator.lab.calibrating import calibrate

TEMPLATE = load_template("movies/click-en")
BARE = TEMPLATE.with_phrases("bare", {"{% if persona %}\n{{ persona }}\n{% endif %}\n": ""})
QUIET: Callable[[str], None] = lambda _: None  # noqa: E731


class Engine(ScriptedEngine):
    """One that can be closed, as all that are started can."""

    def close(self) -> None:
        """Nothing runs."""


def test_a_template_says_whether_it_shows_personas() -> None:
    assert TEMPLATE.mentions_persona
    assert not BARE.mentions_persona
    assert not load_template("movies/path-en", steps=3).mentions_persona
    said = BARE.with_phrases("said", {"Recommended:": "Your persona: Recommended:"})
    assert not said.mentions_persona


def test_a_user_part_is_shared_unless_it_tells_of_the_user() -> None:
    data = over_time()
    history = Ragged.from_rows([[1, 2]] * 3)
    item, user = np.array([5, 6, 7]), np.array([0, 1, 0])
    personas = Personas(data)
    shown = PromptRenderer(TEMPLATE, data.catalogue, personas=personas).render(history, item, user)
    assert shown[0].user is shown[2].user
    assert shown[0].user != shown[1].user
    assert str(personas.of(1)) in shown[1].user
    for renderer in (
        PromptRenderer(TEMPLATE, data.catalogue),
        PromptRenderer(BARE, data.catalogue, personas=personas),
    ):
        plain = renderer.render(history, item, user)
        assert plain[0].user is plain[1].user is plain[2].user
        assert "About you" not in plain[0].text
    without = PromptRenderer(TEMPLATE, data.catalogue, personas=personas)
    with pytest.raises(DataError, match="give a user for each of the 3 items"):
        without.render(history, item)
    with pytest.raises(DataError, match="no user 30 among the 30"):
        without.render(history, item, np.array([0, 30, 1]))


def test_an_agent_tells_what_its_personas_were_made_from() -> None:
    data = over_time()
    plain = AgentClicks(ScriptedEngine(), TEMPLATE)
    told = AgentClicks(ScriptedEngine(), TEMPLATE, personas=Personas(data))
    assert "personas" not in plain.facts()
    assert told.facts()["personas"] == Personas(data).facts()
    assert "personas" in told.describe()
    less = told.knowing(np.arange(100))
    assert less.engine is told.engine
    assert less.facts()["personas"]["rows"] == 100
    assert plain.knowing(np.arange(100)) is plain
    assert AgentClicks(ScriptedEngine(), BARE, personas=Personas(data)).personas is None


def test_an_agent_speaks_of_users_in_its_templates_language() -> None:
    data = over_time()
    chinese = load_template("movies/click-zh")
    agent = AgentClicks(ScriptedEngine(), chinese, personas=Personas(data))
    assert "关于你" in agent.prompts(data.logged_exposures())[0].user


def test_titles_alone_have_no_personas() -> None:
    engine = ScriptedEngine()
    agent = AgentClicks(engine, TEMPLATE, personas=Personas(over_time()))
    agent.click([["Alien"]] * 40, ["Solaris"] * 40)
    assert "About you" not in engine.prompts[0]


def test_a_calibration_is_for_agents_with_or_without_personas() -> None:
    plain = AgentClicks(ScriptedEngine(), TEMPLATE)
    told = AgentClicks(ScriptedEngine(), TEMPLATE, personas=Personas(over_time()))
    for agent, other in ((plain, told), (told, plain)):
        origin = Origin("small", "", "", 1, 1, AskedAgent.of(agent.facts()))
        FittedCalibration(Platt(1.0, 0.0), origin).fitted_on.require_same(agent.facts())
        with pytest.raises(ConfigError, match="whether users are described"):
            origin.require_same(other.facts())
    # What the personas say may differ: it grows with what is known.
    AskedAgent.of(told.knowing(np.arange(9)).facts())
    Origin("small", "", "", 1, 1, AskedAgent.of(told.facts())).require_same(
        told.knowing(np.arange(9)).facts()
    )


def test_personas_are_asked_for_where_they_can_be_shown(tmp_path: Path) -> None:
    data, engine = over_time(), ScriptedEngine()
    assert agent_on(engine, AgentConfig(), data, 0).personas is None
    assert agent_on(engine, AgentConfig(personas="log"), data, 0).personas is not None
    file = tmp_path / "bare.j2"
    file.write_text(BARE.text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"write \{\{ persona \}\} into its user block"):
        agent_on(engine, AgentConfig(personas="log", template=str(file)), data, 0)


def test_a_probe_asks_with_the_agents_personas() -> None:
    data, engine = over_time(), ScriptedEngine()
    agent = AgentClicks(engine, TEMPLATE, personas=Personas(data))
    variant = Variant("labels", "other", TEMPLATE.with_labels("A", "B"), ())
    variant.ask(agent, data.logged_exposures(np.arange(3)), lambda _: None)
    assert len(engine.prompts) == 3
    assert all("About you" in prompt for prompt in engine.prompts)


def test_what_is_known_before_has_nothing_of_what_is_judged() -> None:
    data = over_time()
    assert data.log is not None
    split = split_log(data)
    known = known_before(data, split.judging)
    assert not np.isin(known, split.judging).any()
    assert (np.diff(data.log.time[known]) >= 0).all()
    training, held_out = users_split(data)
    assert np.isin(np.flatnonzero(np.isin(data.log.user, training)), known).all()
    own = known[np.isin(data.log.user[known], held_out)]
    assert (data.log.time[own] < 108).all()
    assert len(own)
    # Users who are judged themselves are known before their own first moment alone.
    both = known_before(data, np.concatenate([split.judging, split.fitting]))
    assert (data.log.time[both] < 108).all()


@contextmanager
def no_bar(_title: str, _total: int | None) -> Iterator[Callable[[object], None]]:
    yield lambda _: None


def judged_by_comparison(data: Dataset, engine: Engine, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(asking, "start_engine", lambda _: engine)
    split = split_log(data)
    questions = Questions(
        data,
        labelled_exposures(data, split.judging, split.early),
        known=known_before(data, split.judging),
        probed=None,
        trained_until=None,
        world=None,
        distribution=None,
        seed=0,
        bootstrap=Bootstrap(50),
    )
    subjects = read_subjects(["agent:personas=log"], {"agent.template": "movies/click-en"})
    answers = ask_agents(subjects, questions, say=QUIET, bar=no_bar)
    (agent,) = answers.agents.values()
    agent.prompts(questions.log.shown)


def judged_alone(data: Dataset, engine: Engine, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(judging, "fit_vectors", lambda *_: _Plain())
    patch.setattr(judging, "fit_distribution", lambda *_: None)
    patch.setattr(judging, "judge", lambda models, log, base: models["agent"].decide(log.shown))
    agent = AgentClicks(engine, TEMPLATE, personas=Personas(data))
    judge_click_models(RunConfig(), data, agent, QUIET, exposures=10_000)


def judged_in_the_lab(data: Dataset, engine: Engine, _: pytest.MonkeyPatch) -> None:
    settings = AgentConfig(template="movies/click-en", personas="log")
    lab = Lab(data, settings, engine=engine)
    lab.evaluate([lab.variant()], exposures=10_000, bootstrap=Bootstrap(2))


def calibrated(data: Dataset, engine: Engine, _: pytest.MonkeyPatch) -> None:
    agent = AgentClicks(engine, TEMPLATE, personas=Personas(data))
    calibrate(agent, data, ["batch"], exposures=10_000, bootstrap=Bootstrap(2))


class _Plain:
    def normalised(self) -> object:
        from small_world import small_vectors

        return small_vectors()


@pytest.mark.parametrize("ask", [judged_by_comparison, judged_alone, judged_in_the_lab, calibrated])
def test_no_prompt_tells_an_answer_that_is_judged(
    ask: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = over_time()
    split = split_log(data)
    givers = np.isin(data.log.user, example_givers(data))  # type: ignore[union-attr]  # it has one
    development = ask in (judged_in_the_lab, calibrated)
    judged = split.fitting[~givers[split.fitting]] if development else split.judging

    def asked(world: Dataset) -> list[str]:
        scripted = Engine(lambda text: 0.2 + len(text) % 7 / 10)
        ask(world, scripted, monkeypatch)
        return sorted(set(scripted.prompts))

    as_logged = asked(data)
    assert any("About you" in prompt for prompt in as_logged)
    assert asked(flipped(data, judged)) == as_logged
    early = known_before(data, judged)
    assert asked(flipped(data, early[: len(early) // 2])) != as_logged
    # All that the log tells, which is what a run's users are known by, would tell the answers.
    shown = data.logged_exposures(judged)
    everything = [
        AgentClicks(ScriptedEngine(), TEMPLATE, personas=Personas(world)).prompts(shown)
        for world in (data, flipped(data, judged))
    ]
    assert everything[0] != everything[1]


def test_a_sweep_tells_what_personas_bring() -> None:
    data = over_time()

    def answer(text: str) -> float:
        shown = int(text.rpartition('"Film ')[2].split('"')[0])
        about = text.partition("About you")[2].partition("Less:")[0]
        likes_even = "Even" in about.partition("More than others:")[2]
        return 0.5 if not about else 0.8 if (shown % 2 == 0) == likes_even else 0.2

    lab = Lab(data, AgentConfig(template="movies/click-en"), engine=Engine(answer))
    variants = sweep_variants(lab, lab.variant(), ["personas"])
    assert [variant.what for variant in variants] == ["as is", "with personas"]
    found = lab.evaluate(variants, exposures=10_000, bootstrap=Bootstrap(2))
    bare, told = found.variants
    assert found.value(bare, "auc") == pytest.approx(0.5)
    assert found.value(told, "auc") > 0.9
    base = lab.variant(personas="log")
    assert base.name == "movies/click-en [with personas]"
    made = sweep_variants(lab, base, ["personas"])
    assert [variant.what for variant in made] == ["as is", "without personas"]
    assert lab.variant(BARE, personas="log").personas is None


def test_a_world_with_shorter_histories_knows_less(monkeypatch: pytest.MonkeyPatch) -> None:
    from small_world import small_vectors

    from simulator.experiment import world as world_module

    data = over_time()
    monkeypatch.setattr(world_module, "load_dataset", lambda _: data)
    monkeypatch.setattr(world_module, "fit_vectors", lambda *_: small_vectors())
    flags = {"targets": 1, "clicks": "distribution"}
    assert build_world(RunConfig.read(None, flags), QUIET).known is None
    shorter = build_world(RunConfig.read(None, {**flags, "protocol": "released-code"}), QUIET)
    assert shorter.known is not None
    assert data.log is not None
    left_out = data.interactions.leave_last_out(2)[1]
    for user in range(data.n_users):
        ends = left_out.time[left_out.user == user].min()
        own: IntArray = shorter.known[data.log.user[shorter.known] == user]
        assert (data.log.time[own] < ends).all()
        assert len(own) == ((data.log.user == user) & (data.log.time < ends)).sum()
