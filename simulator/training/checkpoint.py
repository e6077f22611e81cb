"""What an interrupted training goes on from: one file, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from simulator.errors import ConfigError, DataError
from simulator.files import atomic_write, written_in_rust

NAME = "training.checkpoint"
"""Safetensors within, but not by name: engines take every such file of a folder for weights."""


class Checkpoint:
    """A training's checkpoint: tensors, and where the training stands.

    Tensors alone are read from it (safetensors), never code.

    Args:
        folder: Where the model will be.
        digest: Of everything that decides the training; another one's checkpoint is refused.
    """

    def __init__(self, folder: Path, digest: str) -> None:
        self.path = folder / NAME
        self._digest = digest

    def exists(self) -> bool:
        """Whether there is one."""
        return self.path.is_file()

    def save(
        self,
        *,
        weights: Mapping[str, torch.Tensor],
        best: Mapping[str, torch.Tensor],
        average: Mapping[str, torch.Tensor],
        optimiser: torch.optim.Optimizer,
        standing: Mapping[str, Any],
    ) -> None:
        """Write it in place of the one before.

        Args:
            weights: What is trained, by name.
            best: The best of them so far; empty where none were looked at.
            average: Their running average; empty where there is none.
            optimiser: Over `weights`, in any order.
            standing: Plain values.
        """
        state = optimiser.state_dict()
        tensors = {f"weights/{name}": value for name, value in weights.items()}
        tensors |= {f"best/{name}": value for name, value in best.items()}
        tensors |= {f"average/{name}": value for name, value in average.items()}
        for number, parts in state["state"].items():
            tensors |= {f"optimiser/{number}/{part}": value for part, value in parts.items()}
        told = {"digest": self._digest, "standing": json.dumps(standing)}
        kept = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with written_in_rust(self.path), atomic_write(self.path) as file:
            save_file(kept, file.name, metadata=told)

    def load(
        self, weights: Mapping[str, torch.Tensor], optimiser: torch.optim.Optimizer
    ) -> tuple[dict[str, Any], dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Put weights and optimiser back to where they stood.

        Returns:
            The standing, the best weights, and the average.

        Raises:
            ConfigError: If it is another training's.
            DataError: If it is damaged.
        """
        try:
            with safe_open(self.path, framework="pt") as file:
                told = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
        except (SafetensorError, OSError) as error:
            raise DataError(
                f"the checkpoint cannot be read ({error}); delete it to start anew.", path=self.path
            ) from error
        if told.get("digest") != self._digest:
            raise ConfigError(
                f"{self.path} is a checkpoint of a training with other data, settings or base. "
                "Repeat the command that made it, or take another --out."
            )
        with torch.no_grad():
            for name, weight in weights.items():
                weight.copy_(tensors[f"weights/{name}"])
        state = optimiser.state_dict()
        for name, value in tensors.items():
            if name.startswith("optimiser/"):
                _, number, part = name.split("/")
                state["state"].setdefault(int(number), {})[part] = value
        optimiser.load_state_dict(state)
        best, average = (
            {
                name.removeprefix(kind): value
                for name, value in tensors.items()
                if name.startswith(kind)
            }
            for kind in ("best/", "average/")
        )
        return json.loads(told["standing"]), best, average

    def remove(self) -> None:
        """Delete it: the training is over."""
        self.path.unlink(missing_ok=True)
