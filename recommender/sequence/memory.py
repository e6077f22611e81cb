"""What was encoded in earlier rounds: most windows do not change from one round to the next."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simulator.domain import FloatArray, IntArray
from simulator.interfaces import RoundView

_MOST_CELLS = 2**29 // 4


@dataclass(frozen=True, eq=False)
class _Block:
    windows: IntArray
    vectors: FloatArray


class EncodedBlocks:
    """The newest windows and vectors of each block of episodes.

    A window of 50 and a vector of 64 take 456 bytes an episode; past 512 MiB in all, the blocks
    not asked for longest are forgotten. What is remembered changes speed, never results.
    """

    def __init__(self) -> None:
        self._blocks: OrderedDict[tuple[int, int, int], _Block] = OrderedDict()

    def encode(
        self, view: RoundView, windows: IntArray, encode: Callable[[IntArray], FloatArray]
    ) -> FloatArray:
        """Vectors of a view's windows; only those that have changed are encoded.

        Args:
            view: Tells which block it is, by its first episode and its size.
            windows: Of the view's histories, shape (n, L).
            encode: Windows to vectors, row by row.

        Returns:
            float32, shape (n, d).
        """
        if not len(view):
            return encode(windows)
        key = (int(view.user[0]), int(view.target[0]), len(view))
        before = self._blocks.pop(key, None)
        if before is None or before.windows.shape != windows.shape:
            vectors = encode(windows)
        else:
            changed = np.flatnonzero((windows != before.windows).any(axis=1))
            vectors = before.vectors.copy()
            vectors[changed] = encode(windows[changed])
        self._blocks[key] = _Block(windows, vectors)
        self._forget()
        return vectors.copy()

    def _forget(self) -> None:
        cells = sum(b.windows.size + b.vectors.size for b in self._blocks.values())
        while cells > _MOST_CELLS:
            _, oldest = self._blocks.popitem(last=False)
            cells -= oldest.windows.size + oldest.vectors.size
