"""Hypothesis strategies of what strangers write: any value, any bytes, edits of a valid file."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from malformed_mutations import CELLS

DEEPER = int(os.environ.get("NUDGESIM_FUZZ", "1"))
"""So many times the usual number of examples."""


def examples(number: int) -> settings:
    """Settings of a property: how many examples, on a machine of any speed."""
    return settings(
        max_examples=number * DEEPER,
        deadline=None,
        derandomize=DEEPER == 1,
        suppress_health_check=list(HealthCheck),
    )


words = st.sampled_from([value for value in CELLS.values() if len(value) < 100])
texts = st.one_of(words, st.text(max_size=12), st.text(st.characters(codec="utf-8"), max_size=30))
numbers = st.one_of(
    st.integers(),
    st.sampled_from([0, -1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**400]),
    st.floats(allow_nan=True, allow_infinity=True),
)
plain = st.one_of(st.none(), st.booleans(), numbers, texts)
values: st.SearchStrategy[Any] = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=8,
)
pieces = st.one_of(
    st.binary(max_size=12),
    words.map(str.encode),
    st.sampled_from([b"\n", b"\t", b",", b'"', b"|", b"\r\n", b"\r", b"\0", b"\xff", b"\x1f"]),
)
edits = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), pieces, st.booleans()), min_size=1, max_size=6
)
"""Where, how many bytes go, what comes, and whether the rest of the file goes too."""


def edited(content: bytes, changes: list[tuple[float, int, bytes, bool]]) -> bytes:
    """The file after some edits."""
    for place, gone, piece, cut in changes:
        start = round(place * len(content))
        rest = b"" if cut and place > 0.5 else content[start + gone :]
        content = content[:start] + piece + rest
    return content
