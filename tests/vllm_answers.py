"""Serve checkpoints with the real vLLM in this process, one after another; print the answers.

python tests/vllm_answers.py FOLDER FOLDER ... > answers.json
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from engine_prompts import LABELS, PROMPTS, TOO_LONG

from simulator.engines import VllmEngine
from simulator.engines.token_tree import unavoidable_tokens
from simulator.errors import EngineError

OPTIONS = {"max_num_seqs": 7, "max_num_batched_tokens": 512}


def answers(folder: str) -> dict[str, object]:
    """What the model in `folder` answers, in a first and in a second call."""
    engine = VllmEngine(folder, dtype="float32", cache_gib=0.25)
    first = engine.label_probabilities([*PROMPTS, TOO_LONG], LABELS)
    after_first = engine.usage()
    second = engine.label_probabilities(PROMPTS[::-1], LABELS)
    empty = engine.label_probabilities([], LABELS)
    result = {
        "why": engine.why,
        "precision": engine.precision,
        "settings": dict(engine.settings),
        "recomputed": after_first["prompt_tokens"] - after_first["cached_tokens"],
        "unavoidable": unavoidable_tokens(
            engine.encoder.encode(PROMPTS), engine.settings["block_size"]
        ),
        "probabilities": first.probabilities.tolist(),
        "mass": first.mass.tolist(),
        "failure": first.failure.tolist(),
        "second": second.probabilities[::-1].tolist(),
        "empty": list(empty.probabilities.shape),
        "texts": engine.generate(PROMPTS, max_tokens=3),
        "usage": dict(engine.usage()),
    }
    engine.close()
    engine.close()
    return result


def with_options(folder: str) -> dict[str, object]:
    """What comes of options: made-up weights, and refusals of a wrong name and a wrong value."""
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as weightless:
        for path in Path(folder).glob("*.json"):
            shutil.copy(path, weightless)
        options = {**OPTIONS, "load_format": "dummy"}
        engine = VllmEngine(weightless, cache_gib=0.25, options=options)
        found["settings"], found["precision"] = dict(engine.settings), engine.precision
        found["masses"] = engine.label_probabilities(PROMPTS, LABELS).mass.tolist()
        engine.close()
    for refused in ({"max_num_seq": 7}, {"data_parallel_size": 2}):
        try:
            VllmEngine(folder, options=refused)
        except EngineError as error:
            found[next(iter(refused))] = str(error)
    return found


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        found = {Path(folder).name: answers(folder) for folder in sys.argv[1:]}
        found["with options"] = with_options(sys.argv[1])
    json.dump(found, sys.stdout)
