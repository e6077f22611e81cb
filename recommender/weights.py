"""A name for a network's weights."""

from __future__ import annotations

import hashlib

from torch import nn


def weights_digest(network: nn.Module) -> str:
    """12 hex digits that name the weights, so that a run is not resumed with others."""
    digest = hashlib.sha256()
    for tensor in network.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()[:12]
