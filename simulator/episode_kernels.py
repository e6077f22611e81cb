"""A compiled loop over episodes: their histories and what they have seen, laid out for a round."""

from __future__ import annotations

from typing import Any

from simulator.compiling import compiled


@compiled
def lay_out(
    values: Any,
    offsets: Any,
    user: Any,
    shown: Any,
    clicked: Any,
    history: Any,
    starts: Any,
    seen: Any,
) -> None:
    """Write down what each episode's user has accepted and seen by now.

    Args:
        values: Histories before the run: user u's are `values[offsets[u]:offsets[u + 1]]`.
        offsets: See there.
        user: shape (n,).
        shown: Items shown in the run, oldest first, shape (n, m).
        clicked: Which of them were accepted, bool, shape (n, m).
        history: Where what user and run have accepted goes, from `starts[k]` on for episode k.
        starts: shape (n,).
        seen: bool, shape (n, n_items), all False.
    """
    for episode in range(user.shape[0]):
        place = starts[episode]
        for k in range(offsets[user[episode]], offsets[user[episode] + 1]):
            history[place] = values[k]
            seen[episode, values[k]] = True
            place += 1
        for k in range(shown.shape[1]):
            seen[episode, shown[episode, k]] = True
            if clicked[episode, k]:
                history[place] = shown[episode, k]
                place += 1
