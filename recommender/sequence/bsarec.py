"""BSARec: the next item from self-attention and frequencies together.

Shin, Choi, Wi and Park, "An Attentive Inductive Bias for Sequential Recommendation beyond the
Self-Attention", AAAI 2024. The mixing itself is in `frequency.py`.
"""

from __future__ import annotations

from torch import Tensor

from recommender.sequence.encoder import SequenceEncoder
from recommender.sequence.objective import Batch, Objective, softmax_loss
from simulator.errors import ConfigError


class BSARec(Objective):
    """Cross entropy of the next item over the catalogue, at the last position of prefixes.

    Every position of a window has a part in its frequencies, so that an earlier position's output
    knows the items after it: only the last may be asked what comes next.
    """

    last_only = True

    def loss(self, encoder: SequenceEncoder, batch: Batch) -> Tensor:
        """Mean over the batch.

        Raises:
            ConfigError: If the encoder mixes by self-attention alone.
        """
        if encoder.settings.frequency is None:
            raise ConfigError(
                "BSARec is its encoder, and this one mixes by self-attention alone: pass "
                "EncoderSettings(frequency=FrequencyMixing())."
            )
        return softmax_loss(encoder, *batch.predictions(encoder))
