"""The encoder that settings ask for."""

from __future__ import annotations

from recommender.sequence.encoder import SequenceEncoder
from recommender.sequence.gaussian import GaussianEncoder
from recommender.sequence.settings import EncoderSettings


def build_encoder(n_items: int, settings: EncoderSettings) -> SequenceEncoder:
    """A fresh encoder, at its random start.

    Args:
        n_items: Catalogue size.
        settings: Of the architecture.

    Raises:
        ConfigError: If Gaussians are to have an odd dimension.
    """
    return (GaussianEncoder if settings.gaussian else SequenceEncoder)(n_items, settings)
