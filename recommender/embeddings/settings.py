"""Settings of the ways to train vectors, apart from their code: reading them needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from recommender.checks import check_at_least, check_not_negative, check_positive


@dataclass(frozen=True)
class GraphAUSettings:
    """How GraphAU is trained.

    Attributes:
        dimension: Width of the vectors, 1 or more.
        layers: Alignment layers, 1 or more: the first aligns users with their items, each further
            one with vectors gathered from one step farther in the graph.
        layer_weight: Each layer's loss weighs this many times the one before, above 0.
        uniformity: Weight of the uniformity loss against alignment, 0 or more. It shapes the whole
            space: 1.0 spreads users and items (mean cosine of a pair near 0 on MovieLens 100k),
            0.4 leaves them close (0.64).
        learning_rate: Of Adam, above 0. The paper's 0.1 settles in 3 epochs and half of this
            in 6, at a recall about a tenth better (MovieLens 100k, means over three seeds).
        weight_decay: L2 penalty, 0 or more.
        batch: Interactions a step, 2 or more.
        epochs: Passes over the interactions at most, 1 or more.
        patience: Epochs without a better validation recall before it stops, 1 or more.

    Raises:
        ConfigError: If one is out of range.
    """

    method: ClassVar[str] = "graphau"

    dimension: int = 64
    layers: int = 2
    layer_weight: float = 1.4
    uniformity: float = 1.0
    learning_rate: float = 0.05
    weight_decay: float = 1e-6
    batch: int = 2048
    epochs: int = 20
    patience: int = 4

    def __post_init__(self) -> None:
        check_at_least(1, dimension=self.dimension, layers=self.layers)
        check_at_least(2, batch=self.batch)
        check_at_least(1, epochs=self.epochs, patience=self.patience)
        check_positive(layer_weight=self.layer_weight, learning_rate=self.learning_rate)
        check_not_negative(uniformity=self.uniformity, weight_decay=self.weight_decay)


@dataclass(frozen=True)
class MatrixFactorisationSettings:
    """How matrix factorisation is trained.

    Attributes:
        dimension: Width of the vectors, 1 or more.
        confidence: alpha: how much more an interaction weighs than a pair without, above 0.
        regularisation: lambda: L2 penalty of the vectors, above 0.
        epochs: Sweeps over users and items at most, 1 or more.
        patience: Sweeps without a better validation recall before it stops, 1 or more.

    Raises:
        ConfigError: If one is out of range.
    """

    method: ClassVar[str] = "matrix factorisation"

    dimension: int = 64
    confidence: float = 1.0
    regularisation: float = 10.0
    epochs: int = 20
    patience: int = 4

    def __post_init__(self) -> None:
        check_at_least(1, dimension=self.dimension, epochs=self.epochs, patience=self.patience)
        check_positive(confidence=self.confidence, regularisation=self.regularisation)
