"""Vectors on disk: one .npz with users, items and what they were made of."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from simulator.domain import Vectors
from simulator.errors import DataError
from simulator.files import atomic_write


def save_vectors(path: Path, vectors: Vectors, metadata: Mapping[str, Any]) -> None:
    """Write vectors atomically.

    Args:
        path: The .npz file; its folder must exist.
        vectors: What to keep, as float32.
        metadata: Anything JSON can hold; `vector_manifest` says what vectors were made of.
    """
    with atomic_write(path) as file:
        np.savez(
            file,
            user=vectors.user.astype(np.float32),
            item=vectors.item.astype(np.float32),
            metadata=np.frombuffer(json.dumps(dict(metadata), sort_keys=True).encode(), np.uint8),
        )


def load_vectors(path: Path) -> tuple[Vectors, dict[str, Any]]:
    """Read what `save_vectors` wrote: the vectors and their metadata.

    Raises:
        DataError: If the file is missing, no such archive, or its vectors are not finite.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            vectors = Vectors(stored["user"], stored["item"])
            metadata = json.loads(stored["metadata"].tobytes())
    except FileNotFoundError:
        raise DataError("There is no such file; train vectors first.", path=path) from None
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"Not a file of vectors ({error}); save_vectors writes them.", path=path
        ) from error
    return vectors, dict(metadata)
