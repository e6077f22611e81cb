"""BSARec's mixing: slow and fast parts of a window weighed apart, blended with self-attention.

Shin, Choi, Wi and Park, "An Attentive Inductive Bias for Sequential Recommendation beyond the
Self-Attention", AAAI 2024.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recommender.sequence.attention import Mixing, SelfAttention
from recommender.sequence.settings import EncoderSettings, FrequencyMixing


class FrequencyLayer(nn.Module):
    """LayerNorm(x + LFC[x] + beta * HFC[x]), beta = b^2 for each dimension.

    LFC[x] holds the `components` lowest frequencies of the window's Fourier transform along its
    positions, HFC[x] the rest; b is learnt.

    The transform looks at every position of the window, later ones too: train on windows that end
    where they are read.
    """

    def __init__(self, settings: EncoderSettings, components: int) -> None:
        super().__init__()
        self.components = components
        self.root_beta = nn.Parameter(torch.randn(settings.dimension))
        self.dropout = nn.Dropout(settings.dropout)
        self.norm = nn.LayerNorm(settings.dimension, eps=settings.norm_epsilon)

    def forward(self, states: Tensor) -> Tensor:
        """(n, L, d) to (n, L, d)."""
        return self._rescaled(states, low_pass(states.shape[1], self.components) @ states)

    def last(self, states: Tensor) -> Tensor:
        """The last position of `forward`, shape (n, d)."""
        low = low_pass(states.shape[1], self.components)[-1] @ states
        return self._rescaled(states[:, -1], low)

    def _rescaled(self, states: Tensor, low: Tensor) -> Tensor:
        rescaled = low + self.root_beta.square() * (states - low)
        normalised: Tensor = self.norm(states + self.dropout(rescaled))
        return normalised


def low_pass(length: int, components: int) -> Tensor:
    """The matrix that leaves a column its `components` lowest frequencies, shape (length, length).

    A Fourier transform, a cut and the way back are one linear map; on windows this short its
    product is faster than the transforms.
    """
    spectrum = torch.fft.rfft(torch.eye(length), dim=0, norm="ortho")
    spectrum[components:] = 0
    matrix: Tensor = torch.fft.irfft(spectrum, n=length, dim=0, norm="ortho")
    return matrix


class BlendedMixing(Mixing):
    """share * frequency layer + (1 - share) * self-attention, each added and normalised first."""

    def __init__(self, settings: EncoderSettings, frequency: FrequencyMixing) -> None:
        super().__init__()
        self.share = frequency.share
        self.frequency = FrequencyLayer(settings, frequency.components)
        self.attention = SelfAttention(settings)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """(n, L, d) to (n, L, d)."""
        attended: Tensor = self.attention(states, mask)
        filtered: Tensor = self.frequency(states)
        return self.share * filtered + (1 - self.share) * attended

    def last(self, states: Tensor, mask: Tensor) -> Tensor:
        """The last position of `forward`, shape (n, d)."""
        filtered = self.frequency.last(states)
        return self.share * filtered + (1 - self.share) * self.attention.last(states, mask)
