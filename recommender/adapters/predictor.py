"""Models with scikit-learn's `predict`: a number from a row of features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from simulator.domain import FloatArray, IntArray
from simulator.errors import ConfigError

Features = Callable[[IntArray, IntArray], Any]
"""Rows of features, shape (m, d), array or table, for m pairs of user and item."""


class Predictor:
    """A fitted classifier or regressor as a pointwise scorer, `score(users, items)`.

    A classifier scores with its probability of the click (`predict_proba`), or, lacking that, with
    its `decision_function`; a regressor with what it predicts. Pass it as `recommender=` as it is,
    or within `recommender.top_k.TopK(predictor, k)` for slates. It answers from what its features
    know, which may change from round to round where `features` looks at the run.

    Args:
        model: Fitted; scikit-learn's, or any other with its `predict` (LightGBM, XGBoost).
        features: What it was trained on, for pairs of users and items, by row of the data set.
        clicked: The class that means a click: 1, which is also True, by default.

    Raises:
        ConfigError: If the model has no `predict`, or it is unclear which class is the click.
    """

    def __init__(self, model: Any, features: Features, *, clicked: object = 1) -> None:
        if not callable(getattr(model, "predict", None)):
            raise ConfigError(f"{type(model).__name__} has no predict(X); pass a fitted model.")
        self._model, self._features = model, features
        self._column = _column_of_click(model, clicked)

    def score(self, users: IntArray, items: IntArray) -> FloatArray:
        """What the model says of each pair, float64, shape (m,)."""
        rows = self._features(users, items)
        if len(rows) != len(users):
            raise ConfigError(
                f"features was asked for {len(users)} pairs of user and item and must return as "
                f"many rows; it gave {len(rows)}."
            )
        if self._column is None:
            return np.asarray(self._model.predict(rows), dtype=np.float64)
        if hasattr(self._model, "predict_proba"):
            return np.asarray(self._model.predict_proba(rows)[:, self._column], dtype=np.float64)
        decided = np.asarray(self._model.decision_function(rows), dtype=np.float64)
        if decided.ndim > 1:
            return decided[:, self._column]
        # Of two classes it says how much the second one is meant.
        return decided if self._column == 1 else -decided

    def describe(self) -> str:
        """The model's class."""
        return f"Predictor({type(self._model).__name__})"


def _column_of_click(model: Any, clicked: object) -> int | None:
    """Where a classifier keeps the click; None for what is no classifier."""
    classes = getattr(model, "classes_", None)
    if classes is None:
        return None
    known: list[object] = np.asarray(classes).tolist()
    if clicked not in known:
        raise ConfigError(
            f"{type(model).__name__} knows the classes {known}; say which one means a click, such "
            f"as `clicked={known[-1]!r}`."
        )
    return known.index(clicked)
