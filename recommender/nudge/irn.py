"""IRN: a path to the target, planned item by item under the user's impressionability."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor

from recommender.nudge.irn_network import InfluentialNetwork
from recommender.nudge.irn_reading import Reading
from recommender.nudge.planned_path import ENDED, PlannedPath
from recommender.one_thread import one_thread
from recommender.weights import weights_digest
from simulator.domain import BoolArray, FloatArray, IntArray, Ragged
from simulator.errors import ConfigError
from simulator.interfaces import Recommender
from simulator.scores import TILE, each_tile


class IRN(PlannedPath):
    """The influential recommender network's paths (Zhu et al., ICDE 2023).

    Each step takes the unseen item of largest `P(i | history, path so far, target, u)`. The target
    has its place after the last of `rounds` steps, as in training, and may be chosen at any of
    them, or never; once it is on the path, or if the user had it before, the network goes on with
    its best items unseen. A path ends early only when the user has nothing unseen left.

    Planning computes in double precision: roundings that depend on who else is planned for cannot
    reach a choice.

    Args:
        network: Trained (`fit_irn`), for the same users and items.
        histories: What users had before the run, oldest first; row u is user u.
        beyond: See `PlannedPath`; only needed where somebody else shows items too.

    Raises:
        ConfigError: If histories and network are of different users or catalogues.
    """

    def __init__(
        self,
        network: InfluentialNetwork,
        histories: Ragged,
        *,
        beyond: Recommender | None = None,
    ) -> None:
        super().__init__(histories, network.n_items, rounds=network.settings.rounds, beyond=beyond)
        if len(histories) != network.users.num_embeddings:
            raise ConfigError(
                f"{len(histories)} histories for a network of {network.users.num_embeddings} "
                "users; pass those of the data that it was trained on."
            )
        self.network = network.eval()
        self._exact = copy.deepcopy(network).double()
        with torch.inference_mode():
            everybody = torch.arange(network.users.num_embeddings)
            self.impressionability: FloatArray = network.impressionability(everybody).numpy()
            """r_u, float32, shape (n_users,): the larger, the more a user heeds the target."""

    def plan(self, user: IntArray, target: IntArray) -> IntArray:
        """Paths, int32, shape (n, rounds); see `PlannedPath.plan`."""
        out = np.empty((len(user), self.rounds), dtype=np.int32)

        def plan_tile(part: slice) -> None:
            # Filled up, so that all products have the same shapes.
            rows = np.minimum(np.arange(part.start, part.start + TILE), len(user) - 1)
            with torch.inference_mode():
                planned = self._plan_tile(user[rows], target[rows])
            out[part] = planned[: part.stop - part.start]

        with one_thread():
            each_tile(len(user), plan_tile)
        return out

    def _plan_tile(self, user: IntArray, target: IntArray) -> IntArray:
        past = self.histories.take(user)
        seen = past.mask(self.n_items)
        rows = np.arange(len(user))
        reading = Reading(self._exact, user, target, past)
        path = np.full((len(user), self.rounds), ENDED, dtype=np.int32)
        for step in range(self.rounds):
            chosen = self._best(reading.state, seen)
            going_on = ~seen[rows, chosen]
            path[going_on, step] = chosen[going_on]
            seen[rows, chosen] = True
            if step + 1 < self.rounds:
                reading.append(chosen)
        return path

    def _best(self, states: Tensor, seen: BoolArray) -> IntArray:
        """The unseen item of largest logit, shape (n,); ties go to the lower row."""
        scores = (states @ self._exact.item_vectors().T).numpy()
        np.copyto(scores, -np.inf, where=seen)
        return np.asarray(scores.argmax(axis=1))

    def describe(self) -> str:
        """The settings that decide what it shows."""
        encoder = self.network.settings.encoder
        return (
            f"IRN(rounds={self.rounds}, layers={encoder.layers}, dimension={encoder.dimension}, "
            f"objective_weight={self.network.settings.objective_weight:g}, "
            f"weights={weights_digest(self.network)})"
        )
