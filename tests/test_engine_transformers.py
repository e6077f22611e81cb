import json

import numpy as np
import pytest
import torch
from engine_prompts import LABELS, PROMPTS, STATIC, TOO_LONG
from tiny_checkpoints import make_checkpoint
from transformers import AutoModelForCausalLM, GraniteConfig, MistralConfig

from simulator.engines import TransformersEngine, label_tokens, open_engine
from simulator.engines.batches import batches_by_length
from simulator.engines.token_tree import unavoidable_tokens
from simulator.engines.tree_pass import tree_pass
from simulator.engines.usage import Usage
from simulator.errors import EngineError, LabelError
from simulator.interfaces import Engine, Metered, Prompt

DRIFTED = [
    Prompt(STATIC, f"You liked {'film ' * 6}{' '.join(drift)}.\n", f"film {title}. Answer:")
    for drift in ((), ("Heat",), ("Heat", "Ran"), ("Heat", "Up"), ("Alien",))
    for title in ("Alien", "异形", "Alien Heat")
]
"""One user, whose histories for several targets drift apart; one prompt may begin another."""
NOTHING_SHARED = [Prompt(first, "", "Answer:") for first in ("yes", "no ", "film film ")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_checkpoint("llama", tmp_path_factory.mktemp("checkpoint") / "llama")


@pytest.fixture(scope="module")
def engine(folder):
    return TransformersEngine(folder)


@pytest.fixture(scope="module", params=["llama", "qwen3", "glm", "pocket"])
def one_of_each(request, tmp_path_factory):
    if request.param == "pocket":
        return TransformersEngine("pocket")
    folder = tmp_path_factory.mktemp("each") / request.param
    return TransformersEngine(make_checkpoint(request.param, folder))


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


@pytest.mark.parametrize("prompts", [PROMPTS, DRIFTED, PROMPTS[:1], NOTHING_SHARED])
def test_trees_answer_as_whole_prompts_do(one_of_each, prompts, monkeypatch):
    assert one_of_each.settings["token_trees"]
    in_trees = one_of_each.label_probabilities(prompts, LABELS)
    monkeypatch.setattr(one_of_each, "_trees", None)
    whole = one_of_each.label_probabilities(prompts, LABELS)
    np.testing.assert_allclose(in_trees.probabilities, whole.probabilities, atol=1e-5)
    np.testing.assert_allclose(in_trees.mass, whole.mass, atol=1e-5)


def test_nothing_is_computed_twice(folder):
    engine = TransformersEngine(folder)
    engine.label_probabilities(PROMPTS[:3], LABELS)
    usage = engine.usage()
    encoded = engine.encoder.encode(PROMPTS[:3])
    assert usage["prompt_tokens"] == sum(map(len, encoded))
    assert usage["prompt_tokens"] - usage["cached_tokens"] == unavoidable_tokens(encoded)
    assert 0 < usage["model_seconds"] < usage["seconds"]
    # The static part stays for the next call, whoever it is about.
    engine.label_probabilities(DRIFTED, LABELS)
    again = engine.usage()
    computed = again["prompt_tokens"] - usage["prompt_tokens"]
    computed -= again["cached_tokens"] - usage["cached_tokens"]
    unavoidable = unavoidable_tokens(engine.encoder.encode([*PROMPTS[:3], *DRIFTED]))
    unavoidable -= unavoidable_tokens(encoded)
    # Short beginnings are rather computed again than looked past by a whole row.
    assert unavoidable <= computed <= 1.3 * unavoidable


def test_earlier_calls_leave_no_trace_in_the_last_bit(folder):
    other_static = [
        Prompt("Now something else entirely. " + p.static, p.user, p.candidate) for p in PROMPTS
    ]
    fresh = TransformersEngine(folder).label_probabilities(DRIFTED, LABELS)
    used = TransformersEngine(folder)
    for earlier in (PROMPTS[:1], PROMPTS, other_static, DRIFTED[:2]):
        used.label_probabilities(earlier, LABELS)
    after = used.label_probabilities(DRIFTED, LABELS)
    assert (after.probabilities == fresh.probabilities).all()
    assert (after.mass == fresh.mass).all()


def save_tiny(config_class, folder, **special):
    make_checkpoint("llama", folder)
    vocabulary = json.loads((folder / "config.json").read_text())["vocab_size"]
    config = config_class(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=256,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=None,
        initializer_range=0.3,
        **special,
    )
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


def plain_logits(engine, prompt):
    ids = torch.tensor([engine.encoder.encode([prompt])[0]])
    with torch.inference_mode():
        return engine._network(input_ids=ids).logits[0, -1]


@pytest.mark.parametrize(
    ("config_class", "special", "trees"),
    [
        (MistralConfig, {"sliding_window": 24}, False),
        (GraniteConfig, {"logits_scaling": 4.0, "attention_multiplier": 0.1}, True),
    ],
)
def test_other_networks_answer_as_they_would_by_themselves(config_class, special, trees, tmp_path):
    engine = TransformersEngine(save_tiny(config_class, tmp_path / "other", **special))
    assert engine.settings["token_trees"] is trees
    got = engine.label_probabilities(PROMPTS, LABELS)
    spelled = label_tokens(engine.encoder.tokenize, LABELS)
    logs = np.stack(
        [
            torch.log_softmax(plain_logits(engine, prompt).double(), -1)[spelled.token_ids].numpy()
            for prompt in PROMPTS
        ]
    )
    expected = spelled.fold(logs, np.array([""] * len(PROMPTS), object))
    np.testing.assert_allclose(got.probabilities, expected.probabilities, atol=1e-5)
    np.testing.assert_allclose(got.mass, expected.mass, atol=1e-5)


def test_a_network_that_ignores_the_mask_is_found_out(engine):
    class Deaf(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = engine._network
            self.config, self.device, self.dtype = self.inner.config, "cpu", torch.float32

        def forward(self, input_ids, attention_mask=None, **more):
            return self.inner(input_ids=input_ids, **more)

        def get_output_embeddings(self):
            return self.inner.get_output_embeddings()

    assert tree_pass(engine._network, 64, Usage()) is not None
    assert tree_pass(Deaf(), 64, Usage()) is None


def test_an_engine_tells_its_settings(folder):
    engine = TransformersEngine(folder, batch_tokens=512)
    assert engine.precision == "float32"
    assert json.loads(json.dumps(engine.settings)) == {
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "batch_tokens": 512,
        "token_trees": True,
    }


def test_options_are_for_vllm_alone(folder):
    with pytest.raises(EngineError, match="'quantization', or use the engine 'vllm'"):
        open_engine("transformers", model=folder, options={"quantization": "fp8"})


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
