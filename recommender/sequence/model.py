"""A trained sequence model, as a recommender sees it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recommender.sequence.build import build_encoder
from recommender.sequence.encoder import SequenceEncoder
from recommender.sequence.inference import encode_windows
from recommender.sequence.memory import EncodedBlocks
from recommender.sequence.settings import EncoderSettings, FrequencyMixing
from recommender.sequence.windows import Padding, check_padding, windows
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
        padding: Side on which short windows are filled up; "right" is the released code's quirk.
        prototypes: Centres of users' intentions, float32, shape (k, d); None where the method
            learns none.

    Raises:
        UnknownNameError: If `padding` is no side.
    """

    def __init__(
        self,
        encoder: SequenceEncoder,
        *,
        padding: Padding = "left",
        prototypes: FloatArray | None = None,
    ) -> None:
        check_padding(padding)
        self.encoder = encoder.eval()
        self.padding: Padding = padding
        self.prototypes = None if prototypes is None else prototypes.astype(np.float32)
        self._encoded = EncodedBlocks()

    @cached_property
    def items(self) -> FloatArray:
        """e_i, float32, shape (n_items, d)."""
        return self.encoder.item_vectors().detach().numpy().copy()

    def users(self, view: RoundView) -> FloatArray:
        """f_u, the encoder's output for the histories of the moment, float32, shape (n, d).

        Episodes whose window is that of the round before are not encoded again.
        """
        return self._encoded.encode(view, self._windows(view.history), self._encode)

    def encode(self, histories: Ragged) -> FloatArray:
        """The encoder's output at the last position, float32, shape (n, d).

        Args:
            histories: n rows of catalogue rows, oldest first; an empty one is a window of padding.
        """
        return self._encode(self._windows(histories))

    def _windows(self, histories: Ragged) -> IntArray:
        return windows(histories, self.encoder.settings.max_length, self.padding)

    def _encode(self, rows: IntArray) -> FloatArray:
        return encode_windows(self.encoder, rows, self.padding)

    def describe(self) -> str:
        """What the recommender scores with."""
        settings = self.encoder.settings
        return (
            f"SequenceModel(layers={settings.layers}, dimension={settings.dimension}, "
            f"padding={self.padding!r})"
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
            "padding": self.padding,
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
            with np.load(path, allow_pickle=False) as stored:
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
    return SequenceModel(encoder, padding=about["padding"], prototypes=prototypes)
