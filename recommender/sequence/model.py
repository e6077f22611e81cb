"""A trained sequence model, as a recommender sees it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recommender.sequence.build import build_encoder
from recommender.sequence.encoder import SequenceEncoder
from recommender.sequence.inference import WindowEncoder
from recommender.sequence.memory import EncodedBlocks
from recommender.sequence.settings import EncoderSettings, FrequencyMixing
from recommender.sequence.windows import windows
from recommender.weights import weights_digest
from simulator.domain import FloatArray, IntArray, Ragged
from simulator.errors import DataError
from simulator.files import atomic_write
from simulator.interfaces import RoundView

_FORMAT = 1
_UNREADABLE = (
    KeyError,
    TypeError,
    ValueError,
    OSError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
)


class SequenceModel:
    """Implements `Representation`: f_u is what the encoder makes of a history.

    Args:
        encoder: Trained; it is put into evaluation mode.
        prototypes: Centres of users' intentions, float32, shape (k, d); None where the method
            learns none.

    Attributes:
        items: e_i, float32, shape (n_items, d).
    """

    def __init__(self, encoder: SequenceEncoder, *, prototypes: FloatArray | None = None) -> None:
        self.encoder = encoder.eval()
        self.prototypes = None if prototypes is None else prototypes.astype(np.float32)
        with torch.no_grad():
            self.items: FloatArray = encoder.item_vectors().numpy().copy()
        self._window_encoder = WindowEncoder(self.encoder)
        self._encoded = EncodedBlocks()

    def users(self, view: RoundView) -> FloatArray:
        """f_u, the encoder's output for the histories of the moment, float32, shape (n, d).

        Episodes whose window is that of the round before are not encoded again.
        """
        return self.encode_windows(self._windows(view.history), view)

    def encode(self, histories: Ragged) -> FloatArray:
        """The encoder's output at the last position, float32, shape (n, d).

        Args:
            histories: n rows of catalogue rows, oldest first; an empty one is a window of padding.
        """
        return self.encode_windows(self._windows(histories))

    def encode_windows(self, rows: IntArray, view: RoundView | None = None) -> FloatArray:
        """The encoder's output at the last position of ready-made windows, float32, shape (n, d).

        Args:
            rows: Item ids (catalogue row + 1), 0 for padding, shape (n, max_length).
            view: What they are the windows of, row by row: given that, only those that differ from
                the same block's in the round before are encoded.
        """
        if view is None:
            return self._window_encoder.encode(rows)
        return self._encoded.encode(view, rows, self._window_encoder.encode)

    def _windows(self, histories: Ragged) -> IntArray:
        return windows(histories, self.encoder.settings.max_length)

    def describe(self) -> str:
        """What the recommender scores with."""
        settings = self.encoder.settings
        return (
            f"SequenceModel(layers={settings.layers}, dimension={settings.dimension}, "
            f"weights={weights_digest(self.encoder)})"
        )

    def save(self, path: Path, metadata: Mapping[str, Any]) -> None:
        """Write the model atomically, as one .npz without pickles.

        Args:
            path: The file; its folder must exist.
            metadata: Anything JSON can hold: method, settings, seed, data set, NDCG.
        """
        about = {
            "format": _FORMAT,
            "n_items": self.encoder.n_items,
            "settings": asdict(self.encoder.settings),
            "metadata": dict(metadata),
        }
        arrays = {
            f"encoder.{name}": tensor.numpy() for name, tensor in self.encoder.state_dict().items()
        }
        if self.prototypes is not None:
            arrays["prototypes"] = self.prototypes
        arrays["about"] = np.frombuffer(json.dumps(about, sort_keys=True).encode(), np.uint8)
        with atomic_write(path) as file:
            np.savez(file, **arrays)

    @classmethod
    def load(cls, path: Path) -> tuple[SequenceModel, dict[str, Any]]:
        """Read what `save` wrote: the model and its metadata.

        Raises:
            DataError: If the file is missing or no such archive.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            about = json.loads(arrays.pop("about").tobytes())
            model = _rebuild(about, arrays)
        except FileNotFoundError:
            raise DataError("There is no such file; train a model first.", path=path) from None
        except _UNREADABLE as error:
            raise DataError(
                f"Not a sequence model ({error}); SequenceModel.save writes them.", path=path
            ) from error
        return model, dict(about["metadata"])


def _rebuild(about: dict[str, Any], arrays: dict[str, np.ndarray]) -> SequenceModel:
    settings = dict(about["settings"])
    frequency = settings.pop("frequency")
    encoder = build_encoder(
        about["n_items"],
        EncoderSettings(
            **settings, frequency=None if frequency is None else FrequencyMixing(**frequency)
        ),
    )
    prototypes = arrays.pop("prototypes", None)
    state = {name.removeprefix("encoder."): torch.from_numpy(a) for name, a in arrays.items()}
    encoder.load_state_dict(state)
    return SequenceModel(encoder, prototypes=prototypes)
