"""One contender of `evals.benchmarks.agent_speed`, alone in its process.

    python -m evals.benchmarks.agent_contenders TASK.json ANSWER.json

All get the same decisions: some users, each with a history and some candidates. Ours get them as
the loop hands them out, a user's candidates side by side; the plain and the naive way render, ask
and wait as one does without this package.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prompts import PromptRenderer, load_template, shipped_examples
from simulator.data import load_dataset
from simulator.domain import IntArray, Ragged
from simulator.engines import Encoder, TransformersEngine, VllmEngine
from simulator.engines.local_answers import LocalEngine
from simulator.engines.token_tree import unavoidable_tokens
from simulator.interfaces import Prompt

LABELS = ("yes", "no")
ANSWER_TOKENS = 8
"""Generated where an answer is written and then read."""
CANDIDATES = 8
PORTIONS = 4
_EXAMPLES = 4
"""Times the shipped examples, so that the static part is about 560 tokens long."""
_WARMING = 16
_SEED = 7


@dataclass(frozen=True)
class Work:
    """Decisions as arrays, and what renders them.

    Attributes:
        history: Of each decision, oldest first.
        item: The candidates.
        renderer: The shipped film template with its examples.
    """

    history: Ragged
    item: IntArray
    renderer: PromptRenderer

    def prompts(self) -> list[Prompt]:
        """As our click agent renders them."""
        return self.renderer.render(self.history, self.item)

    def take(self, rows: IntArray) -> Work:
        """Some of the decisions."""
        return Work(self.history.take(rows), self.item[rows], self.renderer)

    def naive(self) -> Work:
        """The same histories newest first, in an order that keeps nobody's candidates together."""
        order = np.random.default_rng(_SEED).permutation(len(self.item))
        turned = Ragged.from_rows([self.history[row][::-1] for row in order])
        return Work(turned, self.item[order], self.renderer)


def demo_work(decisions: int) -> tuple[Work, Work]:
    """Decisions of the demo world's users who have watched most; and some of others, to warm up."""
    data = load_dataset("demo")
    template = load_template("movies/click-en")
    renderer = PromptRenderer(template, data.catalogue, shipped_examples(template) * _EXAMPLES)
    exposures = data.logged_exposures()
    by_length = np.argsort(-exposures.history.lengths, kind="stable")
    _, first = np.unique(exposures.user[by_length], return_index=True)
    moments = by_length[np.sort(first)]
    users = -(-(decisions + _WARMING) // CANDIDATES)
    if users > len(moments):
        raise SystemExit(f"The demo world has {len(moments)} users; ask for fewer decisions.")
    rows = np.repeat(moments[:users], CANDIDATES)
    items = np.random.default_rng(_SEED).integers(0, len(data.catalogue), len(rows))
    all_work = Work(exposures.history.take(rows), items.astype(np.int32), renderer)
    numbers = np.arange(len(rows))
    return all_work.take(numbers[:decisions]), all_work.take(numbers[-_WARMING:])


def plain(task: Mapping[str, Any], work: Work, warming: Work) -> dict[str, Any]:
    """Hugging Face `generate`, one prompt a call."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    tokenizer = AutoTokenizer.from_pretrained(task["model"])
    network = AutoModelForCausalLM.from_pretrained(task["model"]).eval()
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    config = GenerationConfig(
        max_new_tokens=ANSWER_TOKENS, min_new_tokens=ANSWER_TOKENS, do_sample=False, pad_token_id=0
    )

    def ask(some: Work) -> None:
        for prompt in some.prompts():
            inputs = tokenizer(prompt.text, return_tensors="pt").to(network.device)
            with torch.inference_mode():
                out = network.generate(**inputs, generation_config=config)
            tokenizer.decode(out[0, -ANSWER_TOKENS:])

    ask(warming.take(np.arange(2)))
    seconds = _timed(ask, work)
    lengths = [len(ids) for ids in tokenizer([p.text for p in work.prompts()])["input_ids"]]
    return {
        "seconds": seconds,
        "decisions": len(work.item),
        "recomputed": sum(lengths),
        "settings": {"threads": torch.get_num_threads(), "dtype": str(network.dtype)},
    }


def naive_vllm(task: Mapping[str, Any], work: Work, warming: Work) -> dict[str, Any]:
    """With vLLM as it is by default: whole strings, newest first, in no order, answers written."""
    from vllm import LLM, SamplingParams

    llm = LLM(task["model"], dtype=task["dtype"], max_model_len=task["window"], **task["options"])
    written = SamplingParams(temperature=0.0, max_tokens=ANSWER_TOKENS, ignore_eos=True)
    work, warming = work.naive(), warming.naive()

    outputs: list[Any] = []

    def ask(some: Work) -> None:
        texts = [prompt.text for prompt in some.prompts()]
        outputs.extend(llm.generate(texts, written, use_tqdm=False))

    ask(warming)
    outputs.clear()
    seconds = _timed(ask, work)
    config = llm.llm_engine.vllm_config
    return {
        "seconds": seconds,
        "decisions": len(outputs),
        "recomputed": sum(len(o.prompt_token_ids) - (o.num_cached_tokens or 0) for o in outputs),
        "settings": {
            "block_size": config.cache_config.block_size,
            "max_num_batched_tokens": config.scheduler_config.max_num_batched_tokens,
            "max_num_seqs": config.scheduler_config.max_num_seqs,
        },
    }


def ours(task: Mapping[str, Any], work: Work, warming: Work) -> dict[str, Any]:
    """One of our engines; with `repeat`, asked a second time what it was asked before."""
    engine: LocalEngine
    if task["engine"] == "vllm":
        engine = VllmEngine(task["model"], dtype=task["dtype"], options=task["options"])
        block = int(engine.settings["block_size"])
    else:
        engine = TransformersEngine(task["model"], dtype=task["dtype"])
        block = 1

    def ask(some: Work) -> None:
        engine.label_probabilities(some.prompts(), LABELS)

    ask(warming)
    if task["repeat"]:
        ask(work)
    before = Counter(engine.usage())
    seconds = _timed(ask, work)
    spent = Counter(engine.usage())
    spent.subtract(before)
    answer = {
        "seconds": seconds,
        "decisions": len(work.item),
        "recomputed": spent["prompt_tokens"] - spent["cached_tokens"],
        "unavoidable": _unavoidable(engine.encoder, work, warming, block),
        "model_seconds": spent["model_seconds"],
        "settings": dict(engine.settings),
    }
    engine.close()
    return answer


def _unavoidable(encoder: Encoder, work: Work, warming: Work, block: int) -> int:
    known, asked = encoder.encode(warming.prompts()), encoder.encode(work.prompts())
    return unavoidable_tokens([*known, *asked], block) - unavoidable_tokens(known, block)


def _timed(ask: Callable[[Work], None], work: Work) -> list[float]:
    """Seconds of each portion, so that what else the machine does now and then can be seen."""
    seconds = []
    for rows in np.split(np.arange(len(work.item)), PORTIONS):
        start = time.perf_counter()
        ask(work.take(rows))
        seconds.append(time.perf_counter() - start)
    return seconds


CONTENDERS = {"plain": plain, "naive-vllm": naive_vllm, "ours": ours}


def main(arguments: Sequence[str]) -> None:
    """Read the task, do it, write the answer."""
    task = json.loads(Path(arguments[0]).read_text())
    work, warming = demo_work(task["decisions"])
    answer = CONTENDERS[task["contender"]](task, work, warming)
    Path(arguments[1]).write_text(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1:])
