"""A sequence model as a recommender sees it: windows, vectors of users, its memory, its file."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recommender.representation import Representation
from recommender.sequence import (
    EncoderSettings,
    FrequencyMixing,
    SequenceEncoder,
    SequenceModel,
    hit_ratio,
    inference,
    memory,
    ndcg,
    next_item_ranks,
    prefix_states,
    windows,
)
from recommender.sequence.build import build_encoder
from recommender.sequence.prefix_states import PrefixStates, distinct_rows
from simulator.domain import IntArray, Ragged
from simulator.errors import ConfigError, DataError
from simulator.interfaces import RoundView

N_ITEMS, LENGTH = 40, 14
PLAIN = EncoderSettings(dimension=8, max_length=LENGTH)
KINDS = {
    "plain": PLAIN,
    "frequency": replace(PLAIN, frequency=FrequencyMixing(0.6, 2)),
    "gaussian": replace(PLAIN, gaussian=True),
}


def model(settings: EncoderSettings = PLAIN) -> SequenceModel:
    torch.manual_seed(5)
    encoder = build_encoder(N_ITEMS, settings)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return SequenceModel(encoder)


def histories(n: int, seed: int = 6) -> Ragged:
    rng = np.random.default_rng(seed)
    return Ragged.from_rows([rng.permutation(N_ITEMS)[: rng.integers(0, 20)] for _ in range(n)])


def view(history: Ragged, round: int = 1, first: int = 0) -> RoundView:
    n = len(history)
    return RoundView(
        round=round,
        seed=1,
        user=np.arange(first, first + n, dtype=np.int32),
        target=np.full(n, 3, dtype=np.int32),
        history=history,
        seen=history.mask(N_ITEMS),
    )


def slowly(encoder: SequenceEncoder, rows: IntArray) -> np.ndarray:
    """One window at a time, whole."""
    with torch.no_grad():
        out = [encoder(torch.from_numpy(row[None].astype(np.int64)))[0, -1] for row in rows]
    return torch.stack(out).numpy()


def test_a_window_holds_the_newest_items_on_its_right() -> None:
    rows = Ragged.from_rows([[5, 6, 7, 8], [0], [], [1, 2]])
    assert windows(rows, 3).tolist() == [[7, 8, 9], [0, 0, 1], [0, 0, 0], [0, 2, 3]]


def test_it_is_a_representation() -> None:
    ours = model()
    assert isinstance(ours, Representation)
    assert ours.items.shape == (N_ITEMS, 8)
    assert ours.items.dtype == np.float32
    np.testing.assert_array_equal(ours.items[0], ours.encoder.items.weight[1].detach().numpy())
    rows = histories(9)
    np.testing.assert_array_equal(ours.users(view(rows)), ours.encode(rows))


@pytest.mark.parametrize("kind", KINDS)
def test_fast_encoding_equals_the_slow_one(kind: str) -> None:
    ours, rng = model(KINDS[kind]), np.random.default_rng(8)
    rows = windows(histories(60), LENGTH)
    # Padding may be anywhere, at the end too; and windows may be empty or full.
    rows[20:40][rng.random((20, LENGTH)) < 0.5] = 0
    rows[0], rows[1] = 0, np.arange(1, LENGTH + 1)
    encoded = ours.encode_windows(rows)
    assert encoded.dtype == np.float32
    np.testing.assert_allclose(encoded, slowly(ours.encoder, rows), atol=2e-4)


def test_a_vector_does_not_depend_on_its_company_to_the_last_bit() -> None:
    ours, rows = model(), windows(histories(150), LENGTH)
    whole = ours.encode_windows(rows)
    halves = [ours.encode_windows(rows[:61]), ours.encode_windows(rows[61:])]
    np.testing.assert_array_equal(whole, np.concatenate(halves))
    np.testing.assert_array_equal(whole[::-1], ours.encode_windows(rows[::-1]))
    np.testing.assert_array_equal(whole[7:8], ours.encode_windows(rows[7:8]))


def test_equal_windows_and_equal_prefixes_are_encoded_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, tiles = model(), []
    each_tile = inference._each_tile
    monkeypatch.setattr(
        inference, "_each_tile", lambda pool, n, work: tiles.append(n) or each_tile(pool, n, work)
    )
    rng = np.random.default_rng(7)
    rows = windows(Ragged.from_rows([rng.permutation(N_ITEMS) for _ in range(3)]), LENGTH)
    encoded = ours.encode_windows(np.repeat(rows, 5, axis=0))
    assert tiles == [3, 3]
    np.testing.assert_array_equal(encoded[::5], encoded[4::5])
    # Another last item: the four positions before the last ten are as they were.
    rows[:, -1] = 7
    np.testing.assert_array_equal(ours.encode_windows(rows), model().encode_windows(rows))
    assert tiles[2] == 3
    rows[1:, 0] += 1
    ours.encode_windows(rows)
    assert tiles[-2:] == [2, 3]


def test_a_small_memory_of_prefixes_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = windows(histories(50), LENGTH)
    expected = model().encode_windows(rows)
    monkeypatch.setattr(prefix_states, "_MOST_PREFIXES", 3)
    ours = model()
    for _ in range(2):
        np.testing.assert_array_equal(ours.encode_windows(rows), expected)


@pytest.mark.parametrize("capacity", [3, 5, 40])
def test_a_full_memory_of_prefixes_forgets_the_oldest(
    capacity: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefix_states, "_MOST_PREFIXES", capacity)
    remembered, encoded = PrefixStates(2, 1), []

    def encode(new: IntArray, slots: IntArray, states: torch.Tensor) -> None:
        encoded.append(sorted(new[:, 0].tolist()))
        states[torch.from_numpy(slots)] = torch.from_numpy(new[:, :, None]).float()

    for asked in ([1, 2, 1], [2, 3], [4, 2], [1], [2, 3, 4]):
        rows = np.array([[a, 10 * a] for a in asked], dtype=np.int32)
        states, slots = remembered.of(rows, encode)
        np.testing.assert_array_equal(states[torch.from_numpy(slots)][:, :, 0], rows)
    assert encoded == ([[1, 2], [3], [4], [1], [3]] if capacity == 3 else [[1, 2], [3], [4]])


def test_rows_that_share_a_number_are_still_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.array([[1, 2], [2, 1], [1, 2]], dtype=np.int32)
    monkeypatch.setattr(
        prefix_states, "row_numbers", lambda rows: np.zeros(len(rows), dtype=np.uint64)
    )
    first, place = distinct_rows(rows)
    np.testing.assert_array_equal(rows[first[place]], rows)
    assert len(first) == 2


def test_between_rounds_only_changed_windows_are_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, counts = model(), []
    encode = inference.WindowEncoder.encode

    def counted(self: inference.WindowEncoder, rows: IntArray) -> np.ndarray:
        counts.append(len(rows))
        return encode(self, rows)

    monkeypatch.setattr(inference.WindowEncoder, "encode", counted)
    rows = histories(30)
    first = ours.users(view(rows))
    first[:] = 0  # The caller's own: what is remembered is not touched.
    longer = rows.join(Ragged.from_rows([[9]] * 5 + [[]] * 25))
    other = ours.users(view(histories(30, seed=9), first=500))
    second = ours.users(view(longer, round=2))
    again = ours.users(view(longer, round=2))
    assert counts == [30, 30, 5, 0]
    np.testing.assert_array_equal(second, model().encode(longer))
    np.testing.assert_array_equal(again, second)
    np.testing.assert_array_equal(other, model().encode(histories(30, seed=9)))


def test_memory_is_bounded_and_forgetting_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_MOST_CELLS", 50 * (LENGTH + 8))
    ours, rows = model(), histories(30)
    expected = ours.encode(rows)
    for first in (0, 100, 200, 0):
        np.testing.assert_array_equal(ours.users(view(rows, first=first)), expected)
        assert len(ours._encoded._blocks) == 1


def test_no_episodes_have_no_vectors() -> None:
    assert model().users(view(Ragged.empty(0))).shape == (0, 8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_comes_back_whole(kind: str, tmp_path: Path) -> None:
    ours = SequenceModel(model(KINDS[kind]).encoder, prototypes=np.eye(3, 8))
    ours.save(tmp_path / "model.npz", {"method": kind, "ndcg": 0.1})
    loaded, metadata = SequenceModel.load(tmp_path / "model.npz")
    assert metadata == {"method": kind, "ndcg": 0.1}
    assert loaded.encoder.settings == KINDS[kind]
    np.testing.assert_array_equal(loaded.items, ours.items)
    np.testing.assert_array_equal(loaded.prototypes, np.eye(3, 8))
    np.testing.assert_array_equal(loaded.encode(histories(9)), ours.encode(histories(9)))
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]


def test_a_model_without_prototypes_comes_back_without(tmp_path: Path) -> None:
    model().save(tmp_path / "model.npz", {})
    assert SequenceModel.load(tmp_path / "model.npz")[0].prototypes is None


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="train a model first"):
        SequenceModel.load(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", items=np.ones(3))
    with pytest.raises(DataError, match="Not a sequence model"):
        SequenceModel.load(tmp_path / "other.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(DataError, match="Not a sequence model"):
        SequenceModel.load(tmp_path / "text.npz")


class ByTheBook:
    """Every user likes the items in the order of their rows."""

    items = np.array([[4.0], [3.0], [2.0], [1.0]], dtype=np.float32)

    def encode(self, rows: Ragged) -> np.ndarray:
        return np.ones((len(rows), 1), dtype=np.float32)


def test_ranks_leave_out_what_is_known() -> None:
    rows = Ragged.from_rows([[], [0], [0, 1], [3]])
    ranks = next_item_ranks(ByTheBook(), rows, np.array([2, 2, 2, 3], dtype=np.int32))
    assert ranks.tolist() == [2, 1, 0, 3]
    assert hit_ratio(ranks, 2) == 0.5
    assert ndcg(ranks, 2) == pytest.approx((1 + 1 / np.log2(3)) / 4)
    with pytest.raises(ConfigError, match="Nothing is held out"):
        next_item_ranks(ByTheBook(), Ragged.empty(0), np.empty(0, dtype=np.int32))


def test_settings_and_measures_need_no_torch() -> None:
    code = (
        "import sys, recommender.sequence as s; s.EncoderSettings, s.windows, s.ndcg; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
