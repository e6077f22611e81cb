"""Settings of IRN, apart from its code so that reading them needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from recommender.sequence.settings import EncoderSettings, TrainingSettings
from simulator.errors import ConfigError


@dataclass(frozen=True)
class IRNSettings:
    """How the influential recommender network is built and trained.

    Attributes:
        encoder: Of the Transformer; `max_length` is the newest items of a history that it reads,
            the path's own places come on top. Self-attention only.
        objective_weight: w_t, by which a user's impressionability is multiplied before it is added
            to the attention scores towards the objective. Finite.
        rounds: The longest path it can plan, 1 or more.
        training: Of the optimiser; a batch counts windows, and validation looks for the least
            loss on the newest tenth of each history. A learning rate of 0.003 settles in about 13
            epochs on MovieLens 100k, 0.001 in 30, at the same loss.

    Raises:
        ConfigError: If one is out of range.
    """

    encoder: EncoderSettings = field(
        default_factory=lambda: EncoderSettings(dropout=0.2, attention_dropout=0.2)
    )
    objective_weight: float = 1.0
    rounds: int = 20
    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(
            learning_rate=3e-3, batch=64, epochs=60, patience=4, validate_every=1
        )
    )

    def __post_init__(self) -> None:
        if not -float("inf") < self.objective_weight < float("inf"):
            raise ConfigError(f"objective_weight={self.objective_weight} must be finite.")
        if self.rounds < 1:
            raise ConfigError(f"rounds={self.rounds} must be 1 or more.")
        if self.encoder.frequency is not None:
            raise ConfigError(
                "IRN's mask weighs attention, and a frequency layer has none; "
                "leave encoder.frequency at None."
            )
