"""How fast does the click agent decide? The same decisions, each way in a process of its own.

    python -m evals.benchmarks.agent_speed --decisions 384
    python -m evals.benchmarks.agent_speed --model pocket
    python -m evals.benchmarks.agent_speed --gpu        # a 4-billion-parameter shape

On one random checkpoint, one after the other: Hugging Face `generate`, a prompt a call, eight
tokens written (a small sample); our transformers engine; vLLM as one would use it by itself (whole
strings, newest first, no order, eight tokens written, its own defaults); our vLLM engine; and ours
asked again, so that everything is in its prefix cache. Prompts are about 920 tokens long, some 570
of them the same for all and some 320 the same for a user's eight candidates.

Printed: decisions a second (the median of four portions, and their range) and the ratios, tokens
recomputed a decision and how many were unavoidable, the share of the time outside the model, and
the engines' settings. With `--gpu` the weights are made up by vLLM itself, and beside the rates
stands the compute floor: two operations for each parameter of the layers and each recomputed token,
at the measured rate of a large bfloat16 matrix product.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from evals.benchmarks.agent_contenders import CANDIDATES, PORTIONS, demo_work
from evals.benchmarks.speed_checkpoint import SHAPES, WINDOW, layer_parameters, write_checkpoint
from simulator.engines import load_prompt_encoder, resolve_model
from simulator.engines.hub import checkpoint_folder
from simulator.engines.models import has_accelerator

_WORDS = 800
"""Of the tokenizer: so few that a film's line takes about as many tokens as in a large model's
vocabulary, which was not made for these films."""
_PLAIN_DECISIONS = 12
_CACHE_BYTES = 2 * 2**30
"""As much as our engine takes on a CPU."""

Answer = dict[str, Any]


def main() -> None:
    """Run all contenders and print."""
    asked = _arguments()
    # An interruption of any kind takes the contender along; see `_contend`.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Interrupted."))
    shape = asked.model or asked.shape or ("qwen3-4b" if asked.gpu else "llama-24m")
    if asked.decisions % (CANDIDATES * PORTIONS):
        raise SystemExit(f"--decisions must be a multiple of {CANDIDATES * PORTIONS}.")
    load = os.getloadavg()[0]
    print(f"{shape}, {os.cpu_count()} cores, load {load:.2f} before")
    with tempfile.TemporaryDirectory() as folder:
        if asked.model:
            model = checkpoint_folder(resolve_model(asked.model))
        else:
            model = _random_model(asked, shape, Path(folder))
        found = {
            name: _contend(task, Path(folder))
            for name, task in _tasks(asked, model).items()
            if not asked.only or name in asked.only
        }
        floor = _floor(model, found) if asked.gpu else {}
    for name, answer in found.items():
        _print_row(name, answer, found)
    for line in floor.values():
        print(line)
    for name, answer in found.items():
        print(f"{name}: {json.dumps(answer['settings'])}")
    if asked.json:
        asked.json.write_text(
            json.dumps({"model": shape, "load_before": load, **found, **floor}, indent=1)
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--decisions", type=int, default=384)
    parser.add_argument("--shape", choices=SHAPES, help="llama-24m; with --gpu, qwen3-4b")
    parser.add_argument("--model", help="preset, folder or hub id instead of random weights")
    parser.add_argument("--gpu", action="store_true", help="made-up weights beside the floor")
    parser.add_argument("--only", action="append", help="a contender's name; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


def _random_model(asked: argparse.Namespace, shape: str, folder: Path) -> Path:
    texts = [prompt.text for prompt in demo_work(asked.decisions)[0].prompts()]
    return write_checkpoint(shape, folder / shape, texts, words=_WORDS, weights=not asked.gpu)


def _tasks(asked: argparse.Namespace, model: Path) -> dict[str, dict[str, Any]]:
    common = {
        "model": str(model),
        "decisions": asked.decisions,
        "window": min(load_prompt_encoder(model).window, WINDOW),
        "dtype": "bfloat16" if asked.gpu else "float32",
        "options": {"load_format": "dummy"} if asked.gpu and not asked.model else {},
        "repeat": False,
    }
    naive_options = dict(common["options"])
    if not has_accelerator():
        # By itself it wants nine tenths of the machine's memory, and does not start without.
        naive_options["kv_cache_memory_bytes"] = _CACHE_BYTES
    ours = {**common, "contender": "ours"}
    tasks = {
        "plain": {**common, "contender": "plain", "decisions": _PLAIN_DECISIONS},
        "transformers": {**ours, "engine": "transformers"},
        "vllm-naive": {**common, "contender": "naive-vllm", "options": naive_options},
        "vllm": {**ours, "engine": "vllm"},
        "vllm-cached": {**ours, "engine": "vllm", "repeat": True},
    }
    if common["options"]:
        # Weights that vLLM makes up are nowhere for the others to read.
        del tasks["plain"], tasks["transformers"]
    return tasks


def _contend(task: Mapping[str, Any], folder: Path) -> Answer:
    question, answer = folder / "task.json", folder / "answer.json"
    question.write_text(json.dumps(task))
    module = "evals.benchmarks.agent_contenders"
    command = [sys.executable, "-m", module, str(question), str(answer)]
    said = folder / "stderr.txt"
    with said.open("wb") as log:
        contender = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        contender.wait()
    finally:
        # vLLM by itself has processes of its own, which would outlive an interruption.
        with suppress(ProcessLookupError):
            os.killpg(contender.pid, signal.SIGKILL)
        contender.wait()
    if contender.returncode:
        raise SystemExit(f"{task['contender']} failed:\n{said.read_text()[-4000:]}")
    found: Answer = json.loads(answer.read_text())
    return found


def _print_row(name: str, answer: Answer, found: Mapping[str, Answer]) -> None:
    rate = _rate(answer)
    each = sorted(answer["decisions"] / PORTIONS / seconds for seconds in answer["seconds"])
    line = f"{name:13}{rate:9,.1f} decisions/s ({each[0]:,.1f} to {each[-1]:,.1f})"
    for other in ("plain", "vllm-naive"):
        if other in found:
            line += f"  {rate / _rate(found[other]):6.2f} x {other}"
    line += f"  {answer['recomputed'] / answer['decisions']:6.1f} tokens recomputed"
    if "unavoidable" in answer:
        line += f", {answer['recomputed'] / answer['unavoidable']:.3f} x unavoidable"
        outside = 1 - answer["model_seconds"] / sum(answer["seconds"])
        line += f", {outside:.1%} of the time outside the model"
    print(line)


def _rate(answer: Answer) -> float:
    """Decisions a second in the median portion."""
    return float(answer["decisions"] / (PORTIONS * statistics.median(answer["seconds"])))


def _floor(model: Path, found: Mapping[str, Answer]) -> dict[str, str]:
    """The rate at which the matrix products alone could be done, for each of our contenders."""
    import torch

    from evals.benchmarks.matrix_rate import matrix_rate

    operations = matrix_rate("cuda" if torch.cuda.is_available() else "cpu", torch.bfloat16)
    lines = {"matrix": f"matrix products {operations / 1e12:,.2f} T operations/s in bfloat16"}
    for name, answer in found.items():
        needed = 2 * layer_parameters(model) * answer["recomputed"] / answer["decisions"]
        floor = operations / needed
        lines[f"floor {name}"] = (
            f"floor of {name}: {floor:,.0f} decisions/s; reached {_rate(answer) / floor:.1%}"
        )
    return lines


if __name__ == "__main__":
    main()
