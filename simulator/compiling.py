"""How this project compiles a loop: with numba, on first use."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

from numba import njit

# The order of a sum or of a maximum may change here.
_REORDER = {"reassoc", "nsz", "nnan", "contract"}

_Loop = TypeVar("_Loop", bound=Callable[..., Any])


def compiled(loop: _Loop, **options: Any) -> _Loop:
    """Compile without Python's lock; kept on disk where there is a place for it."""
    compiler = partial(njit, nogil=True, error_model="numpy", **options)
    try:
        return cast(_Loop, compiler(cache=True)(loop))
    except RuntimeError:
        return cast(_Loop, compiler()(loop))


def vectorised(loop: _Loop) -> _Loop:
    """Compile so that sums may be reordered: for rough values whose error is bounded."""
    return compiled(loop, fastmath=_REORDER)
