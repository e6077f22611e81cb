"""The state of a simulation: what is measured anew, and what is laid out for a recommender."""

import numpy as np
import pytest

from simulator.domain import Ragged, Vectors
from simulator.episodes import Episodes


@pytest.fixture
def episodes() -> Episodes:
    generator = np.random.default_rng(0)
    vectors = Vectors(
        generator.normal(size=(6, 4)).astype(np.float32),
        generator.normal(size=(30, 4)).astype(np.float32),
    ).normalised()
    histories = Ragged.from_rows([generator.permutation(30)[: 3 + k] for k in range(6)])
    users, targets = np.arange(6, dtype=np.int32), np.array([4, 9], dtype=np.int32)
    return Episodes.pairs(users, targets, histories, vectors)


def play(episodes: Episodes, seed: int) -> None:
    """One round of slates of two, in two blocks."""
    generator = np.random.default_rng(seed)
    episodes.open_round(2)
    for block in (slice(0, 7), slice(7, 12)):
        n = block.stop - block.start
        items = generator.permuted(np.tile(np.arange(30), (n, 1)), axis=1)[:, :2]
        clicked = generator.random((n, 2)) < 0.3
        episodes.record(block, items, clicked, np.full(n, 0.7, dtype=np.float32))


def test_measuring_only_those_who_moved_is_measuring_everybody(episodes: Episodes) -> None:
    before = episodes.measure()
    for seed in range(3):
        play(episodes, seed)
        similarity, rank = episodes.measure()
        # After a resume nothing is known, so everybody is measured.
        episodes.restore(episodes.state())
        again = episodes.measure()
        assert np.array_equal(similarity, again[0])
        assert np.array_equal(rank, again[1])
    moved = episodes.clicked.any(axis=(1, 2))
    assert (similarity != before[0]).tolist() == moved.tolist()


def test_a_caller_may_change_what_was_measured(episodes: Episodes) -> None:
    kept = [column.copy() for column in episodes.measure()]
    for column in episodes.measure():
        column[:] = 0
    assert all(map(np.array_equal, episodes.measure(), kept))


def test_a_view_holds_what_was_accepted_and_what_was_seen(episodes: Episodes) -> None:
    for seed in (1, 2):
        play(episodes, seed)
    start = episodes.view(slice(3, 9), 1, 0, 30).history
    view = episodes.view(slice(3, 9), 3, 0, 30)
    for row, episode in enumerate(range(3, 9)):
        shown, clicked = episodes.shown[episode].ravel(), episodes.clicked[episode].ravel()
        assert view.history[row].tolist() == [*start[row], *shown[clicked]]
        seen = np.zeros(30, dtype=bool)
        seen[start[row]] = True
        seen[shown] = True
        assert np.array_equal(view.seen[row], seen)


@pytest.mark.parametrize("n_targets", [3, 700])
def test_blocks_keep_the_episodes_of_a_user_together(n_targets: int) -> None:
    users = np.arange(400, dtype=np.int32)
    histories = Ragged.from_rows([np.array([k % 30]) for k in users])
    targets = np.arange(n_targets, dtype=np.int32)
    episodes = Episodes.pairs(users, targets, histories, None)
    n_items = 2**20  # the smallest blocks, of 256 episodes
    blocks = list(episodes.blocks(None, n_items))
    assert sum(block.stop - block.start for block in blocks) == len(episodes)
    together = [len(np.unique(episodes.user[block])) for block in blocks]
    assert max(together) == (256 // n_targets if n_targets < 256 else 2)
    if n_targets < 256:
        assert sum(together) == len(users)
