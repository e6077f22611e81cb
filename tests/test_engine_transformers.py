import numpy as np
import pytest
import torch
from engine_prompts import LABELS, PROMPTS, STATIC, TOO_LONG
from tiny_checkpoints import make_checkpoint

from simulator.engines import TransformersEngine
from simulator.engines.batches import batches_by_length
from simulator.errors import EngineError, LabelError
from simulator.interfaces import Engine, Metered


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_checkpoint("llama", tmp_path_factory.mktemp("checkpoint") / "llama")


@pytest.fixture(scope="module")
def engine(folder):
    return TransformersEngine(folder)


def test_numbers_are_those_of_a_plain_forward_pass(engine):
    got = engine.label_probabilities(PROMPTS, LABELS)
    for row, ids in enumerate(engine.encoder.encode(PROMPTS)):
        with torch.inference_mode():
            logits = engine._network(input_ids=torch.tensor([ids])).logits[0, -1]
        full = torch.softmax(logits.double(), dim=-1)
        yes, no = (
            sum(float(full[engine.encoder.tokenize(text)[0]]) for text in (word, " " + word))
            for word in LABELS
        )
        np.testing.assert_allclose(got.mass[row], yes + no, atol=1e-6)
        np.testing.assert_allclose(got.probabilities[row, 0], yes / (yes + no), atol=1e-5)


@pytest.mark.parametrize("batch_tokens", [1, 200, 100_000])
def test_batches_change_speed_and_not_results(folder, engine, batch_tokens):
    other = TransformersEngine(folder, batch_tokens=batch_tokens)
    expected = engine.label_probabilities(PROMPTS, LABELS)
    got = other.label_probabilities(PROMPTS[::-1], LABELS)
    np.testing.assert_allclose(got.probabilities[::-1], expected.probabilities, atol=1e-5)
    np.testing.assert_allclose(got.mass[::-1], expected.mass, atol=1e-5)
    assert np.ptp(expected.probabilities[:, 0]) > 1e-3
    assert other.generate(PROMPTS, max_tokens=3) == engine.generate(PROMPTS, max_tokens=3)


def test_batches_hold_every_row_once_within_their_bound():
    encoded = [[0] * n for n in (5, 900, 30, 30, 7, 1, 30)]
    batches = list(batches_by_length(np.array([len(row) for row in encoded]), 64))
    assert sorted(np.concatenate(batches).tolist()) == list(range(7))
    for batch in batches:
        padded = len(batch) * max(len(encoded[row]) for row in batch)
        assert padded <= 64 or len(batch) == 1


def test_the_common_beginning_is_computed_once(folder, engine):
    alone = [engine.label_probabilities([prompt], LABELS) for prompt in PROMPTS]
    fresh = TransformersEngine(folder)
    together = fresh.label_probabilities(PROMPTS, LABELS)
    for row, answer in enumerate(alone):
        np.testing.assert_allclose(together.probabilities[row], answer.probabilities[0], atol=1e-5)
        np.testing.assert_allclose(together.mass[row], answer.mass[0], atol=1e-5)
    header = len(fresh.encoder.tokenize(STATIC))
    assert fresh.usage()["cached_tokens"] >= header * (len(PROMPTS) - 1)


def test_an_over_long_prompt_fails_alone(engine):
    got = engine.label_probabilities([PROMPTS[0], TOO_LONG, PROMPTS[1]], LABELS)
    alone = engine.label_probabilities(PROMPTS[:2], LABELS)
    np.testing.assert_allclose(got.probabilities[[0, 2]], alone.probabilities, atol=1e-5)
    assert got.failure[[0, 2]].tolist() == ["", ""]
    assert "exceeds the window of 255" in got.failure[1]
    assert np.isnan(got.probabilities[1]).all()
    assert engine.generate([TOO_LONG], max_tokens=2) == [""]


def test_no_prompts(engine):
    got = engine.label_probabilities([], LABELS)
    assert got.probabilities.shape == (0, 2)
    assert got.mass.shape == got.failure.shape == (0,)
    assert engine.generate([], max_tokens=2) == []


def test_generation_is_greedy(engine):
    ids = engine.encoder.encode(PROMPTS[:1])[0]
    written = []
    for _ in range(3):
        with torch.inference_mode():
            token = int(
                engine._network(input_ids=torch.tensor([ids + written])).logits[0, -1].argmax()
            )
        written.append(token)
    assert engine.generate(PROMPTS[:1], max_tokens=3) == [engine.encoder.decode(written)]


def test_usage_counts(folder):
    engine = TransformersEngine(folder)
    assert isinstance(engine, Engine)
    assert isinstance(engine, Metered)
    engine.label_probabilities([*PROMPTS, TOO_LONG], LABELS)
    engine.generate(PROMPTS[:1], max_tokens=2)
    usage = engine.usage()
    assert usage["calls"] == 2
    assert usage["requests"] == len(PROMPTS) + 1
    assert usage["decisions"] == len(PROMPTS)
    assert usage["failures"] == 1
    lengths = engine.encoder.count_tokens(PROMPTS)
    assert usage["prompt_tokens"] == lengths.sum() + lengths[0]
    assert usage["seconds"] > 0


def test_a_label_of_several_tokens_is_refused(engine):
    with pytest.raises(LabelError, match="'perhaps' is no single token"):
        engine.label_probabilities(PROMPTS, ["perhaps", "no"])


def test_a_broken_checkpoint_is_an_engine_error(tmp_path, folder):
    make_checkpoint("llama", tmp_path / "broken")
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"not a checkpoint")
    with pytest.raises(EngineError, match="Check that the folder holds a complete"):
        TransformersEngine(tmp_path / "broken")


def test_a_closed_engine_says_so(folder):
    engine = TransformersEngine(folder)
    engine.close()
    with pytest.raises(EngineError, match="closed; open another"):
        engine.label_probabilities(PROMPTS, LABELS)
    with pytest.raises(EngineError, match="closed; open another"):
        engine.generate(PROMPTS, max_tokens=1)
