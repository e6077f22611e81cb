"""Four architectures through the real vLLM, compared with transformers.

ChatGLM has no class in transformers, so vLLM is compared with the forward pass of
`chatglm_reference.py` there. Tolerance: 2e-5 on probabilities and mass, in float32.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from chatglm_reference import next_token_log_probabilities
from engine_prompts import LABELS, PROMPTS
from tiny_checkpoints import FAMILIES, make_checkpoint

from simulator.engines import TransformersEngine, label_tokens, load_prompt_encoder
from simulator.interfaces import LabelProbabilities

pytest.importorskip("vllm")
pytestmark = pytest.mark.slow
TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkpoints")
    return {family: make_checkpoint(family, root / family) for family in FAMILIES}


@pytest.fixture(scope="module")
def served(folders):
    script = Path(__file__).parent / "vllm_answers.py"
    done = subprocess.run(
        [sys.executable, script, *folders.values()],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def reference(family: str, folder: Path) -> LabelProbabilities:
    if family != "chatglm":
        engine = TransformersEngine(folder)
        return engine.label_probabilities(PROMPTS, LABELS)
    encoder = load_prompt_encoder(folder)
    spelled = label_tokens(encoder.tokenize, LABELS)
    logs = torch.stack(
        [next_token_log_probabilities(folder, ids) for ids in encoder.encode(PROMPTS)]
    )
    return spelled.fold(logs[:, spelled.token_ids].numpy(), np.array([""] * len(PROMPTS), object))


@pytest.mark.parametrize("family", FAMILIES)
def test_vllm_agrees_with_an_independent_implementation(family, folders, served):
    expected = reference(family, folders[family])
    got = served[family]
    np.testing.assert_allclose(got["probabilities"][:-1], expected.probabilities, atol=TOLERANCE)
    np.testing.assert_allclose(got["mass"][:-1], expected.mass, atol=TOLERANCE)
    # Different prompts get different answers, so agreement is not agreement on a constant.
    assert np.ptp(expected.probabilities[:, 0]) > 100 * TOLERANCE


@pytest.mark.parametrize("family", FAMILIES)
def test_calls_repeat_and_use_the_prefix_cache(family, served):
    got = served[family]
    np.testing.assert_allclose(got["second"], got["probabilities"][:-1], atol=TOLERANCE)
    assert got["empty"] == [0, 2]
    assert got["usage"]["decisions"] == 2 * len(PROMPTS)
    assert 0 < got["usage"]["cached_tokens"] < got["usage"]["prompt_tokens"]


@pytest.mark.parametrize("family", FAMILIES)
def test_an_over_long_prompt_fails_alone(family, served):
    *fitting, too_long = served[family]["failure"]
    assert set(fitting) == {""}
    assert "exceeds the window of 255" in too_long
    assert np.isnan(served[family]["probabilities"][-1]).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_hardly_a_token_is_computed_again(family, served):
    got = served[family]
    assert got["unavoidable"] <= got["recomputed"] <= 1.3 * got["unavoidable"]


def test_an_engine_tells_its_settings(served):
    got = served["llama"]
    assert got["precision"] == "float32"
    assert got["settings"]["block_size"] == 32
    assert got["settings"]["threads"] >= 1
    assert got["settings"]["max_num_batched_tokens"] > 0


def test_options_are_handed_on_to_vllm(served):
    got = served["with options"]
    assert got["settings"]["max_num_seqs"] == 7
    assert got["settings"]["max_num_batched_tokens"] == 512
    assert got["settings"]["load_format"] == "dummy"
    # A decision cache tells set-ups apart by this.
    assert got["precision"] == (
        'float32 {"load_format": "dummy", "max_num_batched_tokens": 512, "max_num_seqs": 7}'
    )
    assert min(got["masses"]) > 0
    assert max(got["masses"]) < 1


def test_options_that_vllm_does_not_take_are_named(served):
    got = served["with options"]
    assert "no option 'max_num_seq'" in got["max_num_seq"]
    assert "Did you mean 'max_num_seqs'" in got["max_num_seq"]
    assert "data_parallel_size=2" in got["data_parallel_size"]
    assert "vllm serve --data-parallel-size" in got["data_parallel_size"]


@pytest.mark.parametrize("family", ["llama", "qwen3", "glm"])
def test_greedy_texts_agree(family, folders, served):
    engine = TransformersEngine(folders[family])
    assert served[family]["texts"] == engine.generate(PROMPTS, max_tokens=3)
