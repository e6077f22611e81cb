"""Four shapes of recommender that plug into the loop as they are."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from recommender.generated import GeneratedItems, Generator
from recommender.top_k import Scorer, TopK
from simulator.describe import describe
from simulator.domain import Dataset, IntArray
from simulator.errors import ConfigError
from simulator.interfaces import Recommender, RoundView

RecommenderLike: TypeAlias = Recommender | Scorer | Generator | Callable[..., Any]
"""What `as_recommender` understands."""

_SHAPES = """a recommender is one of
  - a function of a view, f(view), or an object with recommend(view); a catalogue row for each
    episode, shape (n,)
  - a slate builder: the same with k rows for each episode, shape (n, k)
  - a pointwise scorer: an object with score(users, items), or a function f(users, items); a number
    for each pair. The best unseen item is shown; TopK(scorer, k) shows slates
  - a generator: an object with generate(histories), or a function f(histories); the next titles or
    item ids for each list of titles. GeneratedItems(generator, catalogue, k) shows slates
Parameters are told by these names."""
_PREDICTS = """
A model with predict(X) is made a scorer by recommender.adapters.Predictor(model, features)."""


@dataclass(frozen=True)
class FunctionOfView:
    """A plain function of a view as a recommender.

    Attributes:
        function: Catalogue rows from a `RoundView`, shape (n,) or (n, k).
    """

    function: Callable[[RoundView], IntArray]

    @property
    def repeats(self) -> bool:
        """Whether it means to show items again: the function's own attribute `repeats`."""
        return bool(getattr(self.function, "repeats", False))

    def recommend(self, view: RoundView) -> IntArray:
        """What the function says."""
        return self.function(view)

    def describe(self) -> str:
        """The function's name."""
        function = self.function
        while isinstance(function, partial):
            function = function.func
        return describe(function)


def as_recommender(thing: RecommenderLike, data: Dataset) -> Recommender:
    """A recommender from one of the shapes below; an object with `recommend` stays as it is.

    - `recommend(view)`, a method; or a plain function of a view: catalogue rows, shape (n,), or
      (n, k) for slates.
    - `score(users, items)`, a method or a plain function: a number for each pair of user and item.
      The best unseen item is shown; `TopK(scorer, k)` shows slates.
    - `generate(histories)`, a method or a plain function: for each list of titles, oldest first,
      the next title or item id, or several, the best first. Where none of them can be shown it is
      an error; `GeneratedItems(generator, catalogue, k, fallback=...)` says who recommends then,
      and shows slates.

    An object is told by its method, a function by the names of its parameters; further parameters
    need defaults. A `score` or `generate` with other parameters is no such method: scikit-learn's
    `score(X, y)` measures a model, and transformers' `generate` takes tokens.

    Args:
        thing: The recommender.
        data: Whose catalogue a generator writes from.

    Raises:
        ConfigError: If it is none of these.
    """
    if isinstance(thing, type):
        raise ConfigError(
            f"{thing.__name__} is a class; pass an object of it: {thing.__name__}(...)."
        )
    if isinstance(thing, Recommender):
        return thing
    shaped: Any = thing
    if _takes(getattr(thing, "score", None), "users", "items") or _takes(thing, "users", "items"):
        return TopK(shaped)
    if _takes(getattr(thing, "generate", None), "histories") or _takes(thing, "histories"):
        return GeneratedItems(shaped, data.catalogue)
    if _takes(thing, "view"):
        return FunctionOfView(shaped)
    predicts = _PREDICTS if callable(getattr(thing, "predict", None)) else ""
    raise ConfigError(f"{_said(thing)}, and {_SHAPES}{predicts}")


def _takes(function: object, *names: str) -> bool:
    return _parameters(function) == names


def _parameters(function: object) -> tuple[str, ...] | None:
    """Names of the parameters without a default; None for what is no function."""
    if not callable(function):
        return None
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some functions written in C tell nothing
        return None
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return tuple(
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty and parameter.kind not in variable
    )


def _said(thing: object) -> str:
    """What the thing is instead."""
    methods = {name: getattr(thing, name, None) for name in ("score", "generate")}
    has = [
        f"{name}({', '.join(names)})"
        for name, method in methods.items()
        if (names := _parameters(method)) is not None
    ]
    if has:
        return f"{type(thing).__name__} has {' and '.join(has)}"
    names = _parameters(thing)
    if names is None:
        return f"{type(thing).__name__} has no method recommend, score or generate"
    return f"{describe(thing)} is a function of ({', '.join(names)})"
