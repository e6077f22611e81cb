"""Where a training stands, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.training.evaluation import Quality


@dataclass(frozen=True)
class Progress:
    """Where training stands; handed to `progress` after each step.

    Attributes:
        step: From 1.
        steps: How many there will be at most.
        click_loss: Mean binary cross-entropy of the step's decisions, in nats.
        mass: Mean total probability of the labels.
        seconds: Since the first step of this sitting began.
        quality: On the users kept out to stop by, after the steps that are followed by a look.
    """

    step: int
    steps: int
    click_loss: float
    mass: float
    seconds: float
    quality: Quality | None = None


@dataclass(frozen=True)
class Outcome:
    """What a training came to.

    Attributes:
        steps: Of the optimiser, the earlier sittings' too.
        seconds: Of all sittings.
        click_loss: Of each step, in nats.
        best_step: The step whose weights were kept.
        decisions: Logged ones that the network learnt from, repetitions counted.
        tokens: How many went through the network, padding left out.
        too_long: Decisions left out because they do not fit into the model's window.
    """

    steps: int
    seconds: float
    click_loss: tuple[float, ...]
    best_step: int
    decisions: int
    tokens: int
    too_long: int
