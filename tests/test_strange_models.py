"""Checkpoints from strangers: nothing in them runs, and none takes the machine's memory."""

from __future__ import annotations

import ast
import json
import os
import pickle
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_checkpoints import make_checkpoint

from simulator.engines import TransformersEngine
from simulator.engines.hub import load_encoder
from simulator.engines.models import resolve_model
from simulator.engines.vllm_settings import chosen_options
from simulator.errors import EngineError, NudgesimError
from simulator.interfaces import Prompt
from simulator.training.base_model import open_base
from simulator.training.settings import TrainingSettings

ROOT = Path(__file__).parents[1]


class Payload:
    """What a pickle does when it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.write_text, (self.mark, "it ran")


def plant_pickles(folder: Path, mark: Path) -> None:
    for name in ("pytorch_model.bin", "model.pt", "consolidated.00.pth", "tokenizer.pkl"):
        (folder / name).write_bytes(pickle.dumps(Payload(mark)))
    torch.save({"weight": Payload(mark)}, folder / "adapter_model.bin")
    torch.save({"weight": Payload(mark)}, folder / "training_args.bin")


def plant_code(folder: Path, mark: Path, model_type: str | None) -> None:
    code = f"from pathlib import Path\nPath({str(mark)!r}).write_text('it ran')\n"
    classes = "class Config: pass\nclass Model: pass\nclass Words: pass\ndef generate(): pass\n"
    (folder / "evil.py").write_text(code + classes)
    (folder / "custom_generate").mkdir()
    (folder / "custom_generate" / "generate.py").write_text(code + classes)
    names = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}
    amend(
        folder, "config.json", auto_map=names, **({"model_type": model_type} if model_type else {})
    )
    amend(folder, "tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Words", "evil.Words"]})


def amend(folder: Path, name: str, **fields: Any) -> None:
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_checkpoint("llama", tmp_path / "model")


def answer(folder: Path, **settings: Any) -> None:
    engine = TransformersEngine(folder, **settings)
    engine.label_probabilities([Prompt("Reply.\n", "", "Heat?\nAnswer:")], ("yes", "no"))
    engine.generate([Prompt("Reply.\n", "", "Heat?\nAnswer:")], max_tokens=2)
    engine.close()


def test_pickles_beside_safetensors_are_never_read(folder: Path, tmp_path: Path) -> None:
    plant_pickles(folder, tmp_path / "mark")
    answer(folder)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("decoy", ["", "other.safetensors"])
def test_a_model_of_pickles_alone_is_refused(folder: Path, tmp_path: Path, decoy: str) -> None:
    weights = folder / "model.safetensors"
    if decoy:
        weights.rename(folder / decoy)
    else:
        weights.unlink()
    plant_pickles(folder, tmp_path / "mark")
    with pytest.raises(EngineError, match="safetensors"):
        answer(folder)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("part", ["pytorch_model.bin", "../model.safetensors", 7, None])
def test_an_index_names_safetensors_in_the_folder_only(
    folder: Path, tmp_path: Path, part: object
) -> None:
    plant_pickles(folder, tmp_path / "mark")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": part}}))
    with pytest.raises(EngineError, match="only \\*\\.safetensors in the same folder"):
        answer(folder)
    assert not (tmp_path / "mark").exists()


def test_code_beside_an_architecture_that_is_known_is_not_run(folder: Path, tmp_path: Path) -> None:
    plant_code(folder, tmp_path / "mark", None)
    answer(folder)
    assert not (tmp_path / "mark").exists()


def test_code_that_a_model_needs_is_not_run_unless_asked(folder: Path, tmp_path: Path) -> None:
    plant_code(folder, tmp_path / "mark", "evil")
    amend(folder, "config.json", architectures=["Evil"])
    with pytest.raises(EngineError, match=r"agent\.trust_remote_code = true"):
        answer(folder)
    with pytest.raises(EngineError, match=r"agent\.trust_remote_code = true"):
        open_base(TrainingSettings(base=str(folder)), None, ())  # type: ignore[arg-type]
    assert not (tmp_path / "mark").exists()
    with pytest.raises(NudgesimError):  # it is no model, yet its code was run: that is the flag
        answer(folder, trust_remote_code=True)
    assert (tmp_path / "mark").exists()


def test_an_adapter_that_names_another_model_is_refused(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "owner/other"}')
    with pytest.raises(EngineError, match="merge_and_unload"):
        answer(folder)


def test_kernels_from_the_hub_are_refused(folder: Path) -> None:
    amend(folder, "config.json", attn_implementation="owner/kernel")
    with pytest.raises(EngineError, match="code from the hub"):
        answer(folder)


ABSURD: tuple[dict[str, Any], ...] = (
    {"hidden_size": 10**9},
    {"intermediate_size": 10**9},
    {"num_hidden_layers": 10**9},
    {"num_hidden_layers": 10**5},
    {"num_attention_heads": 10**9},
    {"num_key_value_heads": 10**9},
    {"head_dim": 10**9},
    {"vocab_size": 10**12},
    {"hidden_size": 60_000, "intermediate_size": 60_000, "num_hidden_layers": 1_999},
    {"hidden_size": 1e18},
    {"hidden_size": 10**400},
    {"hidden_size": -1},
    {"hidden_size": 0},
    {"num_attention_heads": 0},
    {"hidden_size": "many"},
    {"hidden_size": None},
    {"num_hidden_layers": [1]},
    {"vocab_size": {}},
    {"text_config": {"hidden_size": 10**9}},
    {"max_position_embeddings": "long"},
    {"model_type": 7},
    {"model_type": None, "architectures": None},
    {"rope_parameters": {"rope_type": "evil", "rope_theta": 0}},
    {"torch_dtype": "float1", "dtype": "float1"},
)


@pytest.mark.parametrize("fields", ABSURD, ids=str)
def test_absurd_configurations_end_before_memory_is_taken(
    folder: Path, fields: dict[str, Any]
) -> None:
    amend(folder, "config.json", **fields)
    began = time.process_time()
    with pytest.raises(EngineError, match="Cannot load model"):
        TransformersEngine(folder)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("text", ["", "[]", "7", "{", "[" * 10**5, "\0", "{}"])
@pytest.mark.parametrize(
    "name", ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"]
)
def test_damaged_files_end_in_an_error(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    with suppress(EngineError):  # some are read as if they were not there
        answer(folder)


ENDLESS = (
    "{{ 'a' * 9999999999 }}",
    "{{ 'a' | center(9999999999) }}",
    "{% set x = 7 ** 9999999999 %}",
    "{% generation %}{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    "{% endgeneration %}",
    "{% for a in range(99999) %}{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' }}{% endfor %}",
)


@pytest.mark.slow
@pytest.mark.parametrize("template", ENDLESS, ids=lambda text: text[:30])
def test_a_chat_template_that_does_not_end_is_refused(folder: Path, template: str) -> None:
    (folder / "chat_template.jinja").write_text(template + "{{ messages[0].content }}")
    with pytest.raises(EngineError, match="its chat template needs more time or memory"):
        load_encoder(resolve_model(folder))


ESCAPES = (
    "{{ messages.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.system('touch MARK') }}",
    "{% include '/etc/hostname' %}",
    "{{ raise_exception.__globals__ }}",
)


@pytest.mark.parametrize("template", ESCAPES)
def test_a_chat_template_reaches_nothing(folder: Path, tmp_path: Path, template: str) -> None:
    mark = tmp_path / "mark"
    (folder / "chat_template.jinja").write_text(template.replace("MARK", str(mark)))
    with pytest.raises(EngineError):
        answer(folder)
    assert not mark.exists()


@pytest.mark.parametrize(
    "options",
    [{"load_format": "pt"}, {"load_format": "npcache"}, {"trust_remote_code": True}],
    ids=str,
)
def test_vllm_is_not_talked_into_pickles_or_code(options: dict[str, Any]) -> None:
    with pytest.raises(EngineError, match=r"safetensors|agent\.trust_remote_code"):
        chosen_options(options, on_cpu=True, cache_gib=None, compiled=None)


_THROUGH_VLLM = """
import sys
from simulator.engines import open_engine
from simulator.errors import EngineError
for folder in sys.argv[1:]:
    try:
        open_engine("vllm", model=folder)
    except EngineError as error:
        print("SAID", str(error).replace(folder, ""))
"""


@pytest.mark.slow
def test_vllm_runs_nothing_of_a_model_either(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    plant_pickles(folder, mark)
    giant, code, pickled = (tmp_path / name for name in ("giant", "code", "pickled"))
    for made in (giant, code, pickled):
        shutil.copytree(folder, made)
    amend(giant, "config.json", num_hidden_layers=10**6)
    plant_code(code, mark, "evil")
    amend(code, "config.json", architectures=["Evil"])
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    ran = subprocess.run(
        [sys.executable, "-c", _THROUGH_VLLM, *map(str, (giant, code, pickled))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in ran.stdout.splitlines() if line.startswith("SAID")]  # vLLM talks too
    assert "num_hidden_layers = 1000000" in said[0], ran.stderr
    assert "agent.trust_remote_code = true" in said[1]
    assert "no *.safetensors" in said[2]
    assert not mark.exists()


RISKY = {
    "pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle",
}  # fmt: skip
JUSTIFIED = {
    # A run's own driver sends its experiment to its own workers, through Ray, which pickles too.
    ("simulator/cluster/crew.py", "import pickle"),
    ("simulator/cluster/worker.py", "import pickle"),
}


def risks(path: Path) -> set[str]:
    """Where a source file reads what could run code: imports and calls."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            found |= {f"import {name}" for name in names if name.split(".")[0] in RISKY}
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        given = {word.arg: ast.unparse(word.value) for word in node.keywords}
        if called in ("eval", "exec", "compile", "__import__", "os.system", "os.popen"):
            found.add(called)
        if called.startswith("yaml.") and called.removeprefix("yaml.") in (
            "load", "load_all", "unsafe_load", "full_load",
        ):  # fmt: skip
            found.add(called)
        if called == "torch.load" and given.get("weights_only") != "True":
            found.add(called)
        if called.endswith("read_pickle") or given.get("allow_pickle") == "True":
            found.add(called)
        if called in ("np.load", "numpy.load") and given.get("allow_pickle") != "False":
            found.add(called)
        if given.get("shell") == "True":
            found.add(called)
    return found


def test_no_source_reads_what_could_run_code() -> None:
    places = [
        path
        for room in ("simulator", "prompts", "recommender", "evals")
        for path in sorted((ROOT / room).rglob("*.py"))
    ]
    found = {(path.relative_to(ROOT).as_posix(), risk) for path in places for risk in risks(path)}
    assert found - JUSTIFIED == set()
