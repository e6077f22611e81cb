"""The training loop: click loss on exactly what the agent reads, and the answer as language."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch

from simulator.domain import FloatArray
from simulator.engines.token_tree import Tokens
from simulator.seeding import generator
from simulator.training.branches import Tree, without_beginning
from simulator.training.checkpoint import Checkpoint
from simulator.training.evaluation import Quality
from simulator.training.lesson_plan import LessonPlan
from simulator.training.looking import Look
from simulator.training.optimiser import make_optimiser, schedule
from simulator.training.progress import Outcome, Progress
from simulator.training.reading import Reader
from simulator.training.settings import TrainingSettings
from simulator.training.wording import WordedLesson, Wording, in_parts

_SPELLED = 64
"""Branches of a pass whose answers are learnt as text."""
_ANSWERS = 0.9
"""Of the probability, on the labels; with so much in the mean hardly a decision fails."""
_FORGETTING = 10
"""The average of t steps is over about the last t / 10 of them, until `averaging` bounds it."""


@dataclass
class _Standing:
    """What a checkpoint keeps beside the tensors."""

    step: int = 0
    seconds: float = 0.0
    best_step: int = 0
    best_loss: float = math.inf
    worse: int = 0
    decisions: int = 0
    tokens: int = 0
    too_long: int = 0


class Trainer:
    """Trains a network on lessons.

    Args:
        reader: Reads the network that is trained.
        plan: Which lessons, in which words.
        settings: See `TrainingSettings`.
        offset: Added to the log-odds of each log row where it was drawn and not logged
            (`simulator.training.negatives`), shape (n_rows,); None where nothing was drawn.
        look: What the network answers about the users kept out to stop by; None to train to the
            end.
        checkpoint: Where to keep what a resume needs; None keeps nothing.
    """

    def __init__(
        self,
        reader: Reader,
        plan: LessonPlan,
        settings: TrainingSettings,
        *,
        offset: FloatArray | None = None,
        look: Callable[[], Look] | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self._reader = reader
        self._plan = plan
        self._settings = settings
        self._offset = offset
        self._look = look
        self._checkpoint = checkpoint
        self._weights = {n: p for n, p in reader.network.named_parameters() if p.requires_grad}
        self._optimiser = make_optimiser(self._weights, settings)
        self._losses: list[float] = []
        self._best: dict[str, torch.Tensor] = {}
        self._average: dict[str, torch.Tensor] = {}
        if settings.averaging:
            self._average = {n: w.detach().clone() for n, w in self._weights.items()}
        self._now = _Standing()

    def rehearse(self) -> float:
        """One step of the first lessons without any learning: shows what would fail later.

        Returns:
            The labels' mean mass before training.
        """
        self._reader.network.train()
        for group in self._optimiser.param_groups:
            group["lr"] = 0.0
        _, mass = self._gradients(*self._plan.word(1, next(self._plan.batches())), 1)
        # The optimiser's own memory is taken too, and what it has noted is forgotten again.
        self._optimiser.step()
        self._optimiser.state.clear()
        self._optimiser.zero_grad(set_to_none=True)
        self._now = _Standing()
        return mass

    def train(self, progress: Callable[[Progress], None] | None = None) -> Outcome:
        """Run all steps that are left, and leave the best weights in the network."""
        if self._checkpoint is not None and self._checkpoint.exists():
            self._resume(self._checkpoint)
        settings, now, steps = self._settings, self._now, self._plan.steps
        before, start = now.seconds, time.perf_counter()
        for step, batch in islice(enumerate(self._plan.batches(), start=1), now.step, steps):
            if self._look is not None and now.worse >= settings.patience:
                break
            self._reader.network.train()
            click_loss, mass = self._step(*self._plan.word(step, batch), step)
            self._follow(step)
            now.step = step
            self._losses.append(click_loss)
            quality = self._looked(step) if self._plan.looks_after(step) else None
            seconds = time.perf_counter() - start
            now.seconds = before + seconds
            due = step % settings.checkpoint_steps == 0 or quality is not None
            if self._checkpoint is not None and due:
                self._save(self._checkpoint)
            if progress is not None:
                progress(Progress(step, steps, click_loss, mass, seconds, quality))
        _copy(self._best or self._average, self._weights)
        self._reader.network.eval()
        return self.outcome

    @property
    def outcome(self) -> Outcome:
        """What the training has come to so far."""
        now = self._now
        return Outcome(
            now.step,
            now.seconds,
            tuple(self._losses),
            now.best_step or now.step,
            now.decisions,
            now.tokens,
            now.too_long,
        )

    def _step(
        self, wording: Wording, batch: Sequence[WordedLesson], step: int
    ) -> tuple[float, float]:
        rate = schedule(step / self._plan.steps, self._settings.warm_up)
        for group in self._optimiser.param_groups:
            group["lr"] = self._settings.peak_rate * rate
        click_loss, mass = self._gradients(wording, batch, step)
        torch.nn.utils.clip_grad_norm_(self._weights.values(), 1.0)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        now = self._now
        now.decisions += sum(int((one.rows >= 0).sum()) for one in batch)
        now.too_long += sum(one.too_long for one in batch)
        return click_loss, mass

    def _gradients(
        self, wording: Wording, batch: Sequence[WordedLesson], step: int
    ) -> tuple[float, float]:
        """Mean click loss and label mass of a batch, whose gradients are left in the weights."""
        # Whatever a network draws by itself (dropout) is drawn anew and the same after a resume.
        torch.manual_seed(int(generator(self._settings.seed, f"step {step}").integers(2**62)))
        total = sum(len(one.clicked) for one in batch)
        click_loss, mass = 0.0, 0.0
        for part in in_parts(batch, self._settings.batch_tokens):
            beginning, trees = without_beginning([one.tree for one in part])
            losses, masses = self._losses_of(wording, beginning, trees, part)
            (losses.sum() / total).backward()  # type: ignore[no-untyped-call]  # torch's own
            click_loss += float(masses[0]) / total
            mass += float(masses[1]) / total
            self._now.tokens += self._reader.tokens(beginning, trees)
        return click_loss, mass

    def _losses_of(
        self, wording: Wording, beginning: Tokens, trees: list[Tree], part: Sequence[WordedLesson]
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """Each decision's loss; and the sums of click losses and masses.

        A branch ends with its answer, so that is read one token before the last, and the end of the
        answer after the last. The click loss needs the labels' scores alone; the answer as text,
        which is soon learnt, is looked at in some branches that stand for all.
        """
        device = self._reader.device
        clicked = torch.from_numpy(np.concatenate([one.clicked for one in part])).to(device)
        n = len(clicked)
        some = range(0, n, math.ceil(n / _SPELLED))
        both = self._reader.next_token_scores(beginning, trees, before=1, again=some)
        yes, no = (torch.logsumexp(both[:n, list(ids)], 1) for ids in wording.labels.spellings)
        odds = yes - no + self._offsets(part).to(device)
        target = torch.from_numpy(np.concatenate([one.target for one in part])).to(odds)
        click_loss = torch.nn.functional.binary_cross_entropy_with_logits(
            odds, target, reduction="none"
        )
        logs = torch.log_softmax(both[:n][list(some)], dim=-1)
        answer = torch.tensor(wording.answers, device=device)[clicked[list(some)].long()]
        language_loss = -logs.gather(1, answer[:, None])[:, 0].mean()
        end = wording.encoder.tokenizer.eos_token_id
        if end is not None:
            language_loss = language_loss - torch.log_softmax(both[n:], dim=-1)[:, end].mean()
        labels = [token for ids in wording.labels.spellings for token in ids]
        mass = logs.detach()[:, labels].exp().sum(1).mean()
        losses = click_loss + self._settings.language_weight * language_loss
        return losses, (click_loss.detach().sum(), mass * n)

    def _offsets(self, part: Sequence[WordedLesson]) -> torch.Tensor:
        rows = np.concatenate([one.rows for one in part])
        if self._offset is None:
            return torch.zeros(len(rows))
        drawn = np.where(rows >= 0, self._offset[rows], 0.0)
        return torch.from_numpy(drawn.astype(np.float32))

    def _looked(self, step: int) -> Quality | None:
        """A look at the users kept out; keeps the weights if they are the best so far.

        Weights that do not give their probability to the labels yet are no agent, however well they
        tell clicks apart: its decisions would fail.
        """
        if self._look is None:
            return None
        self._reader.network.eval()
        own = {name: weight.detach().clone() for name, weight in self._weights.items()}
        _copy(self._average, self._weights)
        seen, now = self._look(), self._now
        quality = seen.quality
        if quality.log_loss < now.best_loss and seen.mass.mean() >= _ANSWERS:
            now.best_loss, now.best_step, now.worse = quality.log_loss, step, 0
            self._best = {n: w.detach().cpu().clone() for n, w in self._weights.items()}
        else:
            now.worse += 1
        _copy(own, self._weights)
        return quality

    def _follow(self, step: int) -> None:
        """Move the weights' average on; the first steps, far from anything, are soon forgotten."""
        keep = min(self._settings.averaging, step / (step + _FORGETTING))
        for name, average in self._average.items():
            average.lerp_(self._weights[name].detach(), 1 - keep)

    def _save(self, checkpoint: Checkpoint) -> None:
        checkpoint.save(
            weights={n: w.detach() for n, w in self._weights.items()},
            best=self._best,
            average=self._average,
            optimiser=self._optimiser,
            standing={**vars(self._now), "losses": self._losses},
        )

    def _resume(self, checkpoint: Checkpoint) -> None:
        standing, self._best, self._average = checkpoint.load(self._weights, self._optimiser)
        self._losses = standing.pop("losses")
        self._now = _Standing(**standing)


def _copy(values: Mapping[str, torch.Tensor], weights: Mapping[str, torch.Tensor]) -> None:
    """Put values in place of the weights of the same names."""
    with torch.no_grad():
        for name, value in values.items():
            weights[name].copy_(value)
