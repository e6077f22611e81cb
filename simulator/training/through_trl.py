"""The supervised and the preference loss, by trl: one prompt a row, the answer as text.

Neither is the quantity that the agent reads, and a history is computed anew for each candidate;
they are here to be compared with.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from typing import Any

from transformers import PrinterCallback, TrainerCallback

from simulator.engines.hub import quiet
from simulator.errors import MissingExtraError
from simulator.training.lesson_plan import LessonPlan
from simulator.training.progress import Outcome, Progress
from simulator.training.settings import TrainingSettings

_BETA = 0.1
"""How far DPO may go from the base: Rafailov et al., "Direct Preference Optimization", 2023."""


def train_through_trl(
    model: Any,
    plan: LessonPlan,
    settings: TrainingSettings,
    progress: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Train all epochs, without checkpoints and without looks at anybody.

    Args:
        model: The network, or peft's model around it. trl changes how it computes its scores: save
            it and load it anew before it is asked.
        plan: Which lessons, in which words.
        settings: Their `loss` is "supervised" or "dpo".
        progress: Called after each step; what it tells of the labels' mass is NaN, and its loss is
            trl's.

    Raises:
        MissingExtraError: If trl is not installed.
    """
    try:
        import trl
        from datasets import Dataset, disable_progress_bars
    except ImportError as error:
        raise MissingExtraError("trl", "train", f"The loss {settings.loss!r}") from error
    rows, too_long = _rows(plan, settings)
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    losses: list[float] = []
    disable_progress_bars()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, quiet():
        parts = _parts_of_a_step(rows, settings)
        common: dict[str, Any] = {
            "output_dir": folder,
            "per_device_train_batch_size": max(1, settings.batch_decisions // parts),
            "gradient_accumulation_steps": parts,
            "num_train_epochs": settings.epochs,
            "learning_rate": settings.peak_rate,
            "lr_scheduler_type": "cosine",
            "warmup_steps": settings.warm_up,
            "weight_decay": settings.weight_decay,
            "seed": settings.seed % 2**32,
            "max_length": None,
            "logging_steps": 1,
            "save_strategy": "no",
            "report_to": "none",
            "disable_tqdm": True,
            "dataloader_pin_memory": False,
            "gradient_checkpointing": False,
            "bf16": False,
        }
        made: dict[str, Any] = {
            "model": model,
            "train_dataset": Dataset.from_dict(columns),
            "processing_class": plan.tokenizer,
            "callbacks": [_teller(losses, progress, start)],
        }
        if settings.loss == "supervised":
            trainer = trl.SFTTrainer(args=trl.SFTConfig(**common), **made)
        else:
            config = trl.DPOConfig(beta=_BETA, precompute_ref_log_probs=True, **common)
            trainer = _with_tokens(trl.DPOTrainer)(args=config, **made)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return Outcome(
        steps=len(losses),
        seconds=time.perf_counter() - start,
        click_loss=tuple(losses),
        best_step=len(losses),
        decisions=round(len(rows) * settings.epochs),
        tokens=0,
        too_long=round(too_long * settings.epochs),
    )


def _rows(plan: LessonPlan, settings: TrainingSettings) -> tuple[list[dict[str, list[int]]], int]:
    """One pass of decisions in the columns that trl calls tokenised, and how many were too long."""
    rows: list[dict[str, list[int]]] = []
    too_long = 0
    steps = math.ceil((plan.steps - plan.easy_steps) / settings.epochs)
    for step, batch in enumerate(islice(plan.batches(), steps), start=1):
        wording, worded = plan.word(step, batch)
        end = wording.encoder.tokenizer.eos_token_id
        tail = [] if end is None else [end]
        for one in worded:
            too_long += one.too_long
            for ids, clicked in zip(one.tree.prompts(), one.clicked.tolist(), strict=True):
                prompt, answer = ids[:-1], ids[-1:]
                other = [wording.answers[not clicked]]
                if settings.loss == "supervised":
                    mask = [0] * len(prompt) + [1] * (1 + len(tail))
                    rows.append({"input_ids": ids + tail, "completion_mask": mask})
                else:
                    rows.append(
                        {
                            "prompt_ids": prompt,
                            "chosen_ids": answer + tail,
                            "rejected_ids": other + tail,
                        }
                    )
    return rows, too_long


def _parts_of_a_step(rows: list[dict[str, list[int]]], settings: TrainingSettings) -> int:
    """In how many parts a step's rows go through the network, so that each has few tokens."""
    longest = max(sum(map(len, row.values())) for row in rows)
    at_once = max(1, min(settings.batch_decisions, settings.batch_tokens // longest))
    return math.ceil(settings.batch_decisions / at_once)


def _with_tokens(kind: Any) -> Any:
    """A trainer that takes rows that are tokenised already, to the very tokens of inference."""

    class WithTokens(kind):  # type: ignore[misc]  # a class that is known at run time only
        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

    return WithTokens


def _teller(losses: list[float], progress: Callable[[Progress], None] | None, start: float) -> Any:
    """A callback that notes each step's loss and hands it on."""

    class Teller(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
        def on_log(
            self, _: Any, state: Any, __: Any, logs: dict[str, float] | None = None, **___: Any
        ) -> None:
            if logs is None or "loss" not in logs:
                return
            losses.append(float(logs["loss"]))
            if progress is not None:
                now = time.perf_counter() - start
                progress(Progress(len(losses), state.max_steps, losses[-1], math.nan, now))

    return Teller()
