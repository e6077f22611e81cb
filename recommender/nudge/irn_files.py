"""IRN's networks on disk: one .npz with weights, settings and what they were made of."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recommender.nudge.irn_network import InfluentialNetwork
from recommender.nudge.irn_settings import IRNSettings
from recommender.sequence.settings import EncoderSettings, TrainingSettings
from simulator.errors import ConfigError, DataError
from simulator.files import atomic_write


def save_irn(path: Path, network: InfluentialNetwork, metadata: Mapping[str, Any]) -> None:
    """Write a network atomically.

    Args:
        path: The .npz file; its folder must exist.
        network: What to keep.
        metadata: Anything JSON can hold: seed, data set, validation loss.
    """
    about = {
        "n_users": network.users.num_embeddings,
        "n_items": network.n_items,
        "settings": asdict(network.settings),
        "metadata": dict(metadata),
    }
    state = network.state_dict()
    arrays: dict[str, np.ndarray] = {name: tensor.numpy() for name, tensor in state.items()}
    arrays["about"] = np.frombuffer(json.dumps(about, sort_keys=True).encode(), np.uint8)
    with atomic_write(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes ** for a flag


def load_irn(path: Path) -> tuple[InfluentialNetwork, dict[str, Any]]:
    """Read what `save_irn` wrote: the network, in evaluation mode, and its metadata.

    Raises:
        DataError: If the file is missing or no such archive.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            state = {name: torch.from_numpy(stored[name]) for name in stored.files}
        about = json.loads(state.pop("about").numpy().tobytes())
        network = InfluentialNetwork(
            about["n_users"], about["n_items"], _settings(about["settings"])
        )
        network.load_state_dict(state)
    except FileNotFoundError:
        raise DataError("There is no such file; train a network first.", path=path) from None
    except (
        ConfigError,
        KeyError,
        TypeError,
        ValueError,
        OSError,
        EOFError,
        RuntimeError,
        zipfile.BadZipFile,
    ) as error:
        raise DataError(
            f"Not a network of IRN ({error}); save_irn writes them.", path=path
        ) from error
    return network.eval(), dict(about["metadata"])


def _settings(fields: Mapping[str, Any]) -> IRNSettings:
    parts = {
        "encoder": EncoderSettings(**fields["encoder"]),
        "training": TrainingSettings(**fields["training"]),
    }
    return IRNSettings(**{**fields, **parts})
