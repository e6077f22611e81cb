"""Exposures of titles alone: no data set, no catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simulator.domain import Catalogue, Exposures, Ragged
from simulator.errors import DataError
from simulator.seeding import uniforms


def shown_titles(
    histories: Sequence[Sequence[str]],
    candidates: Sequence[str],
    *,
    categories: Mapping[str, Sequence[str]] | None = None,
    seed: int = 0,
) -> Exposures:
    """Candidate k shown to a user with history k.

    Args:
        histories: What each user has accepted, oldest first; n rows, which may be empty.
        candidates: n titles.
        categories: Of each title (genres, tags, sections), where they are known.
        seed: Of the users' luck.

    Raises:
        DataError: If the lengths differ, or a title is empty.
    """
    if isinstance(candidates, str) or len(histories) != len(candidates):
        raise DataError(
            f"{len(histories)} histories for {len(candidates)} candidates: give two lists of the "
            "same length, and repeat a history that meets several candidates."
        )
    n = len(candidates)
    titles = list(dict.fromkeys([*(title for row in histories for title in row), *candidates]))
    row_of = {title: row for row, title in enumerate(titles)}
    of_title = categories or {}
    user = np.arange(n, dtype=np.int32)
    return Exposures(
        user=user,
        item=np.array([row_of[title] for title in candidates], dtype=np.int32),
        target=np.full(n, -1, dtype=np.int32),
        round=np.ones(n, dtype=np.int32),
        position=np.zeros(n, dtype=np.int32),
        history=Ragged.from_rows([[row_of[title] for title in row] for row in histories]),
        draw=uniforms(seed, "click", user, -1, 1),
        catalogue=Catalogue(titles, titles, [tuple(of_title.get(t, ())) for t in titles]),
    )
