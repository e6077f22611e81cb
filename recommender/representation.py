"""How a recommender sees users and items: the vectors that it scores with."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from simulator.domain import FloatArray, Vectors
from simulator.errors import ConfigError
from simulator.interfaces import RoundView


@runtime_checkable
class Representation(Protocol):
    """Vectors of the items, and of the users at the start of a round.

    A sequence model offers both: its item embeddings, and what it makes of a history.

    Attributes:
        items: e_i, float32, shape (n_items, d).
    """

    items: FloatArray

    def users(self, view: RoundView) -> FloatArray:
        """f_u, float32, shape (n, d)."""
        ...


class PresentPreference:
    """The simulation's own vectors: the recommender knows what users prefer at each moment.

    Args:
        vectors: In the space of the run's user vectors: a run keeps those at unit length, so pass
            `vectors.normalised()`.
    """

    def __init__(self, vectors: Vectors) -> None:
        self.items: FloatArray = vectors.item

    def users(self, view: RoundView) -> FloatArray:
        """e_u, the view's present preferences, shape (n, d).

        Raises:
            ConfigError: If the view has no vectors, or vectors of another width.
        """
        if view.preference is None:
            raise ConfigError(
                "Nudging needs the users' present vectors, and this run has none: "
                "pass `vectors` to the run (fit_graphau makes them), or recommend by popularity."
            )
        if view.preference.shape[1] != self.items.shape[1]:
            raise ConfigError(
                f"The run's user vectors have {view.preference.shape[1]} dimensions, the "
                f"recommender's items {self.items.shape[1]}; give both the same vectors."
            )
        return view.preference

    def describe(self) -> str:
        """What the recommender scores with."""
        return "PresentPreference()"
