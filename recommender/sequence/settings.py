"""Settings of sequence models, apart from their code so that reading them needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from recommender.checks import check_at_least, check_not_negative, check_positive
from simulator.errors import ConfigError


@dataclass(frozen=True)
class FrequencyMixing:
    """How BSARec blends its frequency layer with self-attention (Shin et al., AAAI 2024).

    Attributes:
        share: alpha in [0, 1], the frequency layer's share; self-attention has the rest.
        components: c, the lowest frequencies of a window that count as its slow part, 1 or more.

    Raises:
        ConfigError: If one is out of range.
    """

    share: float = 0.7
    components: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ConfigError(f"share={self.share} must lie in [0, 1].")
        check_at_least(1, components=self.components)


@dataclass(frozen=True)
class EncoderSettings:
    """The Transformer that all sequence models share.

    Attributes:
        dimension: d, width of the vectors, a multiple of `heads`.
        layers: Blocks, 1 or more.
        heads: Attention heads, 1 or more.
        max_length: Positions of a window, 1 or more: the newest items of a history.
        dropout: Of embeddings and of each sublayer's output, in [0, 1).
        attention_dropout: Of attention weights, in [0, 1).
        norm_epsilon: Added to variances by layer normalisation, above 0.
        frequency: BSARec's mixing; None for self-attention alone.
        gaussian: Whether outputs and items are read as Gaussian distributions, as MStein does.

    Raises:
        ConfigError: If one is out of range.
    """

    dimension: int = 64
    layers: int = 2
    heads: int = 2
    max_length: int = 50
    dropout: float = 0.2
    attention_dropout: float = 0.2
    norm_epsilon: float = 1e-12
    frequency: FrequencyMixing | None = None
    gaussian: bool = False

    def __post_init__(self) -> None:
        check_at_least(
            1,
            dimension=self.dimension,
            layers=self.layers,
            heads=self.heads,
            max_length=self.max_length,
        )
        if self.dimension % self.heads:
            raise ConfigError(
                f"dimension={self.dimension} must be a multiple of heads={self.heads}."
            )
        for name in ("dropout", "attention_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)} must lie in [0, 1).")
        check_positive(norm_epsilon=self.norm_epsilon)


@dataclass(frozen=True)
class TrainingSettings:
    """How a sequence model is trained, whatever its objective.

    Attributes:
        learning_rate: Of Adam, above 0.
        weight_decay: L2 penalty, 0 or more.
        batch: Windows a step, 2 or more.
        prefixes: Prefixes of each history an epoch, 1 or more; for objectives that are trained at
            a window's last position only.
        epochs: Passes over the users at most, 1 or more.
        patience: Validations without a better NDCG@20 before it stops, 1 or more.
        validate_every: Epochs between validations, 1 or more.

    Raises:
        ConfigError: If one is out of range.
    """

    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    batch: int = 64
    prefixes: int = 10
    epochs: int = 60
    patience: int = 4
    validate_every: int = 2

    def __post_init__(self) -> None:
        check_at_least(
            1,
            prefixes=self.prefixes,
            epochs=self.epochs,
            patience=self.patience,
            validate_every=self.validate_every,
        )
        check_at_least(2, batch=self.batch)
        check_positive(learning_rate=self.learning_rate)
        check_not_negative(weight_decay=self.weight_decay)
