"""How a product of vectors becomes the liking that multiplies the nudge."""

from __future__ import annotations

from typing import get_args

import numpy as np
from scipy.special import expit

from simulator.domain import FloatArray
from simulator.errors import UnknownNameError
from simulator.search import Liking

__all__ = ["Liking", "check_liking", "liked"]


def check_liking(name: str) -> None:
    """Refuse what is neither "sigmoid" nor "inner".

    "sigmoid" makes products probabilities of an interaction, which is what IPG multiplies by the
    guiding value (Bi et al., WWW 2024) and what ITMPRec's released code does; the nudge alone
    decides the sign. "inner" leaves them as they are, to the letter of ITMPRec's equations. Where
    many of them are negative, an item that the user dislikes and that leads away from the target
    then scores high, two negatives making a positive; on spread vectors (GraphAU with uniformity
    1.0) nearly half of the choices are of this kind.

    Raises:
        UnknownNameError: If it is.
    """
    if name not in get_args(Liking):
        raise UnknownNameError("liking", name, get_args(Liking))


def liked(name: Liking, products: FloatArray) -> FloatArray:
    """The likings that inner products come to, float32, of the same shape."""
    return np.asarray(expit(products)) if name == "sigmoid" else products
