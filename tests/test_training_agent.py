"""A user's own agent: what it learns from is what it is asked, and a kill changes nothing."""

import json
import sys
from dataclasses import replace
from itertools import chain, repeat

import numpy as np
import pytest
import torch
from tiny_checkpoints import make_checkpoint

from prompts import Personas, PromptRenderer, load_template
from simulator.clicks import AgentClicks
from simulator.clicks.calibration import load_calibration
from simulator.data import split_users
from simulator.domain import ExposureLog, middle_times
from simulator.engines.hub import load_causal_model, load_encoder
from simulator.engines.models import resolve_model
from simulator.engines.transformers_local import TransformersEngine
from simulator.errors import (
    ConfigError,
    DataError,
    EngineError,
    LabelError,
    MissingExtraError,
    PromptError,
)
from simulator.training import (
    LoraSettings,
    NetworkSettings,
    TeacherSettings,
    TrainingSettings,
    Variety,
    train_agent,
)
from simulator.training.evaluation import predict
from simulator.training.looking import Asking, Look
from simulator.training.reading import Reader
from simulator.training.wording import Wording

SMALL = TrainingSettings(
    epochs=4,
    batch_decisions=64,
    stop_share=0.4,
    patience=9,
    checkpoint_steps=5,
    threads=1,
    network=NetworkSettings(vocabulary=600, hidden=32, layers=2, feed_forward=32),
)
RICH = replace(
    SMALL,
    window=(6, 3),
    bare_history=True,
    personas=True,
    teacher=TeacherSettings(),
    variety=Variety(shuffled=0.5),
    averaging=0.9,
)
"""With all that may be drawn, averaged or told on the way."""
SPLIT = split_users(30, held_out=0.2, seed=0)

SHORT = """\
---
name: short
version: 1
language: en
domain: movies
description: Short enough for a tiny window.
labels: {click: "yes", skip: "no"}
history: {window: 6, drop: 2}
---
{% block static %}
Reply {{ labels.click }} or {{ labels.skip }}.
{% endblock %}
{% block user %}
{% for past in history %}
{{ past }}
{% endfor %}
{% endblock %}
{% block candidate %}
Next: {{ item }}
Answer:
{% endblock %}
"""


@pytest.fixture
def moments(data):
    """The small world with exposures all over its users' lives."""
    time = 99 + np.arange(len(data.log)) % 8
    return replace(data, log=replace(data.log, time=time))


@pytest.fixture
def short(tmp_path):
    path = tmp_path / "short.j2"
    path.write_text(SHORT, encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_decision_on_a_person_is_the_agents(moments, tmp_path):
    """The same with personas, long windows and bare titles, by the folder that was written."""
    out = tmp_path / "agent"
    train_agent(RICH, moments, out, split=SPLIT)
    template, users = load_template(out / "template.j2"), SPLIT[1]
    model = resolve_model(out)
    reader = Reader(load_causal_model(model, dtype=torch.float32))
    wording = Wording(template, moments.catalogue, load_encoder(model))
    log = moments.log
    middle = middle_times(log.user, log.time, moments.n_users)
    known = np.flatnonzero(np.isin(log.user, SPLIT[0]) | (log.time < middle[log.user]))
    personas = Personas(moments, known)
    trained, _, rows = predict(reader, wording, moments, users, personas=personas, late=True)
    assert len(rows) > 50
    engine = TransformersEngine(out)
    agent = AgentClicks(engine, template, personas=personas, minimum_mass=0.0)
    asked = agent.decide(moments.logged_exposures(rows))
    np.testing.assert_allclose(asked.probability, trained, atol=1e-4)
    assert "About you" in agent.prompts(moments.logged_exposures(rows[:1]))[0].user
    engine.close()


@pytest.mark.slow
@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize("family", ["llama", "qwen3", "glm"])
def test_a_decision_in_training_is_the_decision_at_inference(
    family, chat, moments, short, tmp_path
):
    folder = make_checkpoint(family, tmp_path / family, chat_template=chat)
    template, users = load_template(short), np.arange(12)
    model = resolve_model(folder)
    reader = Reader(load_causal_model(model, dtype=torch.float32))
    assert reader.packed
    wording = Wording(template, moments.catalogue, load_encoder(model))
    trained, mass, rows = predict(reader, wording, moments, users)
    assert len(rows) > 150
    engine = TransformersEngine(folder)
    shown = moments.logged_exposures(rows)
    assert len(np.unique(shown.history.lengths)) > 4
    prompts = PromptRenderer(template, moments.catalogue).render(shown.history, shown.item)
    for k in range(0, len(rows), 7):  # each alone, as an agent asks
        asked = engine.label_probabilities([prompts[k]], template.labels.pair)
        assert asked.probabilities[0, 0] == pytest.approx(trained[k], abs=1e-4)
        assert asked.mass[0] == pytest.approx(mass[k], abs=1e-4)
    assert np.ptp(trained) > 0.05


@pytest.mark.slow
@pytest.mark.parametrize("settings", [SMALL, RICH], ids=["small", "rich"])
def test_killed_and_gone_on_with_is_undisturbed(settings, moments, tmp_path):
    class Killed(Exception):
        pass

    def kill(progress):
        if progress.step == 13:
            raise Killed

    whole = train_agent(settings, moments, tmp_path / "whole", split=SPLIT)
    with pytest.raises(Killed):
        train_agent(settings, moments, tmp_path / "cut", split=SPLIT, progress=kill)
    with pytest.raises(ConfigError, match="other data, settings or base"):
        train_agent(replace(settings, seed=3), moments, tmp_path / "cut", split=SPLIT)
    steps = []
    cut = train_agent(settings, moments, tmp_path / "cut", split=SPLIT, progress=steps.append)
    assert steps[0].step > 5
    assert cut.click_loss == whole.click_loss
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        first, second = ((tmp_path / run / name).read_bytes() for run in ("whole", "cut"))
        assert first == second
    assert not list((tmp_path / "cut").glob("*.checkpoint"))


@pytest.mark.slow
def test_the_folder_is_an_agent(moments, tmp_path):
    out = tmp_path / "agent"
    report = train_agent(SMALL, moments, out, split=SPLIT)
    written = json.loads((out / "training.json").read_text(encoding="utf-8"))
    assert written["no_clicks"] == report.no_clicks == "logged no-clicks"
    # Those of each user's later half, ties with the middle moment included.
    assert report.stop_users * 10 <= written["stop"]["decisions"] < report.stop_users * 14
    assert "A click agent for small" in (out / "README.md").read_text(encoding="utf-8")
    template = load_template(out / "template.j2")
    fitted = load_calibration(out / "calibration.json")
    agent = AgentClicks(
        TransformersEngine(out),
        template,
        calibration=fitted.calibration,
        minimum_mass=0,  # twenty steps do not teach it to answer
    )
    fitted.fitted_on.require_same(agent.facts())
    answers = agent.decide(moments.logged_exposures(np.arange(40)))
    assert not answers.undecided.any()
    with pytest.raises(ConfigError, match="trained already"):
        train_agent(SMALL, moments, out, split=SPLIT)


@pytest.mark.slow
def test_weights_that_do_not_answer_yet_are_not_kept(moments, tmp_path, monkeypatch):
    def look(mass, right):
        clicked = np.arange(10) % 2 == 0
        probability = np.where(clicked, right, 1 - right)
        nobody = np.zeros(10, dtype=int)
        return Look(probability, clicked, np.full(10, mass), nobody, np.zeros(10))

    # The first tells clicks best, in a few percent of its probability.
    looks = chain([look(0.05, 0.9), look(0.95, 0.6), look(0.95, 0.8)], repeat(look(0.95, 0.7)))
    monkeypatch.setattr(Asking, "on_the_way", lambda self, reader: next(looks))
    steps = []
    report = train_agent(SMALL, moments, tmp_path / "agent", split=SPLIT, progress=steps.append)
    looked_at = [step.step for step in steps if step.quality is not None]
    assert len(looked_at) > 3
    assert report.best_step == looked_at[2]


@pytest.mark.slow
def test_training_stops_when_it_no_longer_helps(moments, tmp_path):
    still = replace(SMALL, learning_rate=1e-12, epochs=50, patience=2)
    steps = []
    report = train_agent(still, moments, tmp_path / "still", split=SPLIT, progress=steps.append)
    looks = [step.step for step in steps if step.quality is not None]
    # It never learns to answer, so that no look is a good one.
    assert len(looks) == 2
    assert (report.best_step, report.steps) == (looks[1], looks[1])


@pytest.mark.slow
def test_drawn_no_clicks_teach_too(data, tmp_path):
    report = train_agent(SMALL, replace(data, log=None), tmp_path / "drawn", split=SPLIT)
    assert report.no_clicks == "drawn items"
    assert report.calibrated is None
    assert not (tmp_path / "drawn" / "calibration.json").exists()


@pytest.mark.slow
def test_all_weights_of_a_base(moments, short, tmp_path):
    folder = make_checkpoint("qwen3", tmp_path / "base")
    settings = replace(SMALL, base=str(folder), templates=(str(short),), epochs=1)
    report = train_agent(settings, moments, tmp_path / "tuned", split=SPLIT)
    assert report.packed
    before, after = (
        load_causal_model(resolve_model(path), dtype=torch.float32).state_dict()
        for path in (folder, tmp_path / "tuned")
    )
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.slow
def test_adapters_are_merged(moments, short, tmp_path):
    pytest.importorskip("peft", reason="peft is not installed (the extra `train`)")
    folder = make_checkpoint("llama", tmp_path / "base")
    settings = replace(
        SMALL, base=str(folder), templates=(str(short),), epochs=1, lora=LoraSettings(rank=4)
    )
    report = train_agent(settings, moments, tmp_path / "tuned", split=SPLIT)
    tuned = load_causal_model(resolve_model(tmp_path / "tuned"), dtype=torch.float32)
    plain = load_causal_model(resolve_model(folder), dtype=torch.float32)
    changed = {
        n for n, w in tuned.state_dict().items() if not torch.equal(w, plain.state_dict()[n])
    }
    assert changed
    assert all("proj" in name for name in changed)
    assert report.parameters == sum(w.numel() for w in plain.parameters())


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "lora"), [("supervised", None), ("dpo", LoraSettings(rank=4))])
def test_the_losses_of_trl(loss, lora, moments, short, tmp_path):
    pytest.importorskip("trl", reason="trl is not installed (the extra `train`)")
    folder = make_checkpoint("qwen3", tmp_path / "base")
    settings = replace(
        SMALL,
        base=str(folder),
        templates=(str(short),),
        learning_rate=2e-4,
        loss=loss,
        lora=lora,
        epochs=1,
    )
    steps = []
    report = train_agent(settings, moments, tmp_path / "tuned", split=SPLIT, progress=steps.append)
    assert len(steps) == report.steps == 5
    if loss == "dpo":  # at first the policy is its own reference
        assert report.click_loss[0] == pytest.approx(np.log(2), abs=1e-4)
        assert min(report.click_loss) < np.log(2) - 1e-3
    else:
        assert report.click_loss[-1] < report.click_loss[0]
    assert report.stop is not None


def test_trl_is_asked_for_by_name(moments, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "trl", None)
    with pytest.raises(MissingExtraError, match=r"nudgesim\[train\]"):
        train_agent(replace(SMALL, loss="dpo"), moments, tmp_path, split=SPLIT)


@pytest.mark.slow
def test_prompts_that_do_not_fit(moments, tmp_path):
    folder = make_checkpoint("llama", tmp_path / "base")  # a window of 256 bytes or so
    with pytest.raises(PromptError, match="window of 256 tokens"):
        train_agent(replace(SMALL, base=str(folder)), moments, tmp_path / "out", split=SPLIT)


def test_memory_that_does_not_suffice(moments, tmp_path, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB.")

    monkeypatch.setattr(Reader, "next_token_scores", full)
    with pytest.raises(EngineError, match="batch_tokens, now 8,192"):
        train_agent(SMALL, moments, tmp_path, split=SPLIT)


def test_users_in_both_parts(data, tmp_path):
    with pytest.raises(ConfigError, match="2 users of small are in both parts"):
        train_agent(SMALL, data, tmp_path, split=(np.arange(12), np.arange(10, 30)))


@pytest.mark.parametrize(("answer", "kind"), [(True, "clicks"), (False, "no-clicks")])
def test_one_class(data, tmp_path, answer, kind):
    log: ExposureLog = replace(data.log, clicked=np.full(len(data.log), answer))
    with pytest.raises(DataError, match=f"all .* are {kind}"):
        train_agent(SMALL, replace(data, log=log), tmp_path, split=SPLIT)


@pytest.mark.slow
def test_labels_that_are_no_tokens(data, short, tmp_path):
    short.write_text(SHORT.replace('"yes"', '"certainly"'), encoding="utf-8")
    folder = make_checkpoint("llama", tmp_path / "base")
    settings = replace(SMALL, base=str(folder), templates=(str(short),))
    with pytest.raises(LabelError, match="certainly"):
        train_agent(settings, data, tmp_path / "out", split=SPLIT)


@pytest.mark.slow
def test_a_base_that_only_vllm_knows(data, tmp_path):
    folder = make_checkpoint("chatglm", tmp_path / "base")
    with pytest.raises(EngineError, match="Cannot load model"):
        train_agent(replace(SMALL, base=str(folder)), data, tmp_path / "out", split=SPLIT)


def test_adapters_need_a_base():
    with pytest.raises(ConfigError, match="--base"):
        TrainingSettings(lora=LoraSettings())
