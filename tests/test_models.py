import shutil
import subprocess
import sys

import httpx
import pytest
from tiny_checkpoints import make_checkpoint

from prompts import load_template
from simulator.clicks import AgentClicks
from simulator.engines import (
    PRESETS,
    TransformersEngine,
    default_model,
    load_prompt_encoder,
    open_engine,
    resolve_model,
)
from simulator.engines import loading as engine_loading
from simulator.errors import EngineError, MissingExtraError, UnknownNameError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_checkpoint("llama", tmp_path_factory.mktemp("checkpoint") / "llama")


def test_presets_are_the_promised_ones_and_complete():
    assert {"chatglm3-6b", "glm-4-9b", "qwen3-4b", "qwen3-8b", "llama-3.1-8b", "pocket"} == set(
        PRESETS
    )
    for name, preset in PRESETS.items():
        assert preset.name == name
        assert preset.memory_gib > 0
        assert preset.labels
        assert preset.model == "pocket" or preset.model.count("/") == 1


def test_a_name_is_a_preset_a_folder_or_a_hub_id(folder):
    assert resolve_model("qwen3-8b").location == "Qwen/Qwen3-8B"
    assert resolve_model("qwen3-8b").name == "qwen3-8b"
    assert resolve_model(folder).location == str(folder)
    assert resolve_model("some-owner/some-model").location == "some-owner/some-model"


def test_a_mistyped_preset_gets_a_suggestion():
    with pytest.raises(UnknownNameError, match="Did you mean 'qwen3-4b'"):
        resolve_model("qwen3-4")


def test_a_folder_without_a_model_says_what_is_missing(tmp_path):
    with pytest.raises(EngineError, match="There is no folder"):
        resolve_model(str(tmp_path / "absent"))
    with pytest.raises(EngineError, match=r"no config\.json"):
        resolve_model(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(EngineError, match="can run code when they are read"):
        resolve_model(tmp_path)


def test_no_hub_is_an_error_with_a_cure(monkeypatch, tmp_path):
    def refuse(*args: object, **kwargs: object) -> None:
        raise httpx.ConnectError("no route")

    monkeypatch.setattr(httpx, "head", refuse)
    with pytest.raises(EngineError, match="hf download some-owner/absent-model") as error:
        TransformersEngine("some-owner/absent-model", device="cpu")
    assert "--model FOLDER" in str(error.value)
    assert "does not answer" in str(error.value)


def test_auto_takes_transformers_without_vllm_and_says_why(monkeypatch, folder):
    monkeypatch.setattr(engine_loading, "vllm_installed", lambda: False)
    engine = open_engine("auto", model=folder)
    assert engine.name == "transformers"
    assert "vLLM is not installed" in engine.why
    assert engine.model == str(folder)


def test_auto_takes_transformers_where_vllm_is_broken(monkeypatch, folder):
    def broken() -> None:
        raise ImportError("operator torchvision::nms does not exist")

    monkeypatch.setattr(engine_loading, "vllm_installed", lambda: True)
    monkeypatch.setattr(engine_loading, "import_vllm", broken)
    engine = open_engine("auto", model=folder)
    assert engine.name == "transformers"
    assert "torchvision::nms" in engine.why


def test_vllm_asked_for_and_absent_names_the_extra(monkeypatch, folder):
    monkeypatch.setattr("simulator.engines.vllm_local.vllm_installed", lambda: False)
    with pytest.raises(MissingExtraError, match="pip install"):
        open_engine("vllm", model=folder)


def test_an_unknown_engine_gets_a_suggestion():
    with pytest.raises(UnknownNameError, match="Did you mean 'transformers'"):
        open_engine("transformer")


def test_default_model_follows_the_accelerator(monkeypatch):
    monkeypatch.setattr("simulator.engines.models.has_accelerator", lambda: False)
    assert default_model() == "pocket"
    monkeypatch.setattr("simulator.engines.models.has_accelerator", lambda: True)
    assert default_model() == "qwen3-4b"


def test_the_encoder_comes_without_weights(folder, tmp_path):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert load_prompt_encoder(tmp_path).window == 256


def test_importing_the_engines_loads_no_model_library():
    code = (
        "import sys, simulator.engines; "
        "print(*[m for m in ('torch', 'transformers', 'vllm', 'ray') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_an_agent_names_its_engine_and_the_revision_of_its_model(folder, tmp_path, data):
    def facts(place):
        engine = TransformersEngine(place)
        return AgentClicks(engine, load_template("movies/click-en")).facts()

    snapshot = tmp_path / "snapshots" / "0123abcd"
    changed = tmp_path / "changed"
    for copy in (snapshot, changed):
        shutil.copytree(folder, copy)
    config = (changed / "config.json").read_text()
    (changed / "config.json").write_text(config + "\n")
    assert facts(folder)["engine"] == "transformers"
    assert facts(folder)["model_revision"].startswith("sha256:")
    assert facts(folder)["model_revision"] == facts(folder)["model_revision"]
    assert facts(changed)["model_revision"] != facts(folder)["model_revision"]
    assert facts(snapshot)["model_revision"] == "0123abcd"
