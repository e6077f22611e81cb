"""Digests of prompts, by which they are told apart and found again."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Sequence

_BYTES = 16

Tokens = Sequence[int]


def digest(ids: Tokens) -> bytes:
    """16 bytes that other token ids do not have: the beginning of their SHA-256."""
    return hashlib.sha256(array("i", ids)).digest()[:_BYTES]


def digest_of_text(text: str) -> bytes:
    """The same of a text, for engines that do not know their model's tokens."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:_BYTES]


def digests_of_parts(rows: Iterable[tuple[Tokens, Tokens, Tokens]]) -> list[bytes]:
    """The digests of rows that are given in three parts; a part that rows share is read once.

    Args:
        rows: Each row's parts; those that are shared are the same object.
    """
    rows = list(rows)
    starts = {id(start): hashlib.sha256(array("i", start)) for start in _distinct(rows, 0)}
    ends = {id(end): array("i", end).tobytes() for end in _distinct(rows, 2)}
    fronts = {}
    digests = []
    for start, middle, end in rows:
        key = id(start), id(middle)
        if key not in fronts:
            fronts[key] = starts[id(start)].copy()
            fronts[key].update(array("i", middle))
        whole = fronts[key].copy()
        whole.update(ends[id(end)])
        digests.append(whole.digest()[:_BYTES])
    return digests


def _distinct(rows: list[tuple[Tokens, Tokens, Tokens]], part: int) -> Iterable[Tokens]:
    return {id(row[part]): row[part] for row in rows}.values()
