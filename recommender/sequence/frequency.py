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
        low = self._low_pass(states)
        rescaled = low + self.root_beta.square() * (states - low)
        normalised: Tensor = self.norm(states + self.dropout(rescaled))
        return normalised

    def _low_pass(self, states: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(states, dim=1, norm="ortho")
        kept = torch.arange(spectrum.shape[1], device=states.device) < self.components
        low: Tensor = torch.fft.irfft(
            spectrum * kept[:, None], n=states.shape[1], dim=1, norm="ortho"
        )
        return low


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
        filtered: Tensor = self.frequency(states)[:, -1]
        return self.share * filtered + (1 - self.share) * self.attention.last(states, mask)
