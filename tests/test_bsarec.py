"""BSARec: its blend, its loss, and why it learns from prefixes only."""

import numpy as np
import pytest
import torch

from recommender.sequence import (
    Batch,
    BSARec,
    EncoderSettings,
    FrequencyMixing,
    SequenceEncoder,
)
from recommender.sequence.encoder import attention_mask
from recommender.sequence.frequency import BlendedMixing
from simulator.errors import ConfigError

PLAIN = EncoderSettings(dimension=8, max_length=6, dropout=0, attention_dropout=0)


def blended(share: float) -> SequenceEncoder:
    torch.manual_seed(1)
    settings = EncoderSettings(**{**vars(PLAIN), "frequency": FrequencyMixing(share, 2)})
    return SequenceEncoder(10, settings).eval()


def test_the_share_blends_the_frequency_layer_with_attention() -> None:
    encoder, windows = blended(0.25), torch.tensor([[0, 0, 4, 7, 2, 9]])
    mixing = encoder.blocks[0].mixing
    assert isinstance(mixing, BlendedMixing)
    with torch.no_grad():
        states, mask = encoder.embed(windows), attention_mask(windows)
        expected = 0.25 * mixing.frequency(states) + 0.75 * mixing.attention(states, mask)
        np.testing.assert_allclose(mixing(states, mask), expected, atol=1e-6)


def test_an_earlier_position_knows_later_items_so_only_the_last_is_asked() -> None:
    earlier, later = torch.tensor([[1, 2, 3, 4, 5, 6]]), torch.tensor([[1, 2, 3, 4, 5, 9]])
    with torch.no_grad():
        assert (blended(0.5)(earlier)[:, 2] - blended(0.5)(later)[:, 2]).abs().max() > 1e-3
        np.testing.assert_allclose(blended(0)(earlier)[:, 2], blended(0)(later)[:, 2], atol=1e-6)
    assert BSARec.last_only


def test_its_loss_is_cross_entropy_at_the_last_position() -> None:
    encoder = blended(0.5)
    windows = torch.tensor([[0, 0, 4, 7, 2, 9], [1, 2, 3, 4, 5, 6]])
    targets = torch.zeros_like(windows)
    targets[:, -1] = torch.tensor([3, 8])
    batch = Batch(torch.arange(2), windows, targets, True, torch.Generator())
    with torch.no_grad():
        scores = encoder(windows)[:, -1] @ encoder.items.weight[1:].T
        expected = (scores.logsumexp(1) - scores[[0, 1], [2, 7]]).mean()
        assert BSARec().loss(encoder, batch).item() == pytest.approx(expected.item(), abs=1e-6)


def test_an_encoder_without_frequencies_is_refused() -> None:
    batch = Batch(torch.arange(1), torch.ones(1, 6), torch.ones(1, 6), True, torch.Generator())
    with pytest.raises(ConfigError, match="FrequencyMixing"):
        BSARec().loss(SequenceEncoder(10, PLAIN), batch)
