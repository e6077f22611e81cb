"""How fast does an agent learn? The packed pass beside a row a prompt, and beside the floor.

    python -m evals.benchmarks.training_speed --data ml-100k
    python -m evals.benchmarks.training_speed --base ./a-model --lora --seconds 60

The recipe's lessons, learnt from scratch (or from a base) for some seconds each way: users' prompts
packed as trees, and one padded row a prompt, as a trainer that knows nothing of histories has it.
Printed: decisions a second, tokens that go through the network for each, and the share of the
floor, which is 6 operations for each parameter of the layers and each token (2 forwards, 4
backwards) at the measured rate of a large matrix product.
"""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from dataclasses import dataclass, replace

import torch

from evals.benchmarks.matrix_rate import matrix_rate
from simulator.data import load_dataset
from simulator.experiment.split import users_split
from simulator.training import LoraSettings, TrainingSettings, recipe
from simulator.training.base_model import half_precision
from simulator.training.preparation import Preparation
from simulator.training.progress import Progress
from simulator.training.reading import Reader
from simulator.training.trainer import Trainer


class _TimeIsUp(Exception):
    """Ends a measurement."""


@dataclass(frozen=True)
class _Measured:
    decisions: int
    tokens: int
    seconds: float


def main() -> None:
    """Measure both ways and print."""
    asked = _arguments()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    load = os.getloadavg()[0]
    usual = recipe(asked.base)
    settings = replace(
        usual,
        epochs=1_000,  # time ends it
        lora=LoraSettings() if asked.lora else None,
        window=tuple(asked.window) if asked.window else usual.window,
        stop_share=0.0,
        batch_tokens=asked.batch_tokens,
        network=replace(
            usual.network, hidden=asked.hidden, layers=asked.layers, feed_forward=2 * asked.hidden
        ),
    )
    print(f"{asked.data}, {asked.base}, {torch.get_num_threads()} threads, load {load:.2f} before")
    rates = {}
    for name, packed in (("packed", True), ("a row a prompt", False)):
        reader, measured = _measure(settings, asked.data, asked.seconds, packed=packed)
        rates[name] = measured.decisions / measured.seconds
        floor = _floor(reader, measured)
        print(
            f"{name:15}{rates[name]:9,.1f} decisions/s  "
            f"{measured.tokens / measured.decisions:7.1f} tokens a decision  "
            f"{floor:6.1%} of the floor"
        )
    print(f"packed / a row a prompt: {rates['packed'] / rates['a row a prompt']:.2f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", default="demo")
    parser.add_argument("--base", default="scratch")
    parser.add_argument("--lora", action="store_true")
    parser.add_argument("--window", type=int, nargs=2, metavar=("WINDOW", "DROP"))
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--batch-tokens", type=int, default=recipe().batch_tokens)
    parser.add_argument("--seconds", type=float, default=30, help="each way")
    parser.add_argument("--threads", type=int, default=0)
    return parser.parse_args()


def _measure(
    settings: TrainingSettings, name: str, seconds: float, *, packed: bool
) -> tuple[Reader, _Measured]:
    data = load_dataset(name)
    prepared = Preparation.of(settings, data, users_split(data))
    network = prepared.base.network
    reader = Reader(network, packed=packed, precision=half_precision(network.device))
    trainer = Trainer(reader, prepared.plan, settings, offset=prepared.log.offset)
    trainer.rehearse()
    found: list[Progress] = []

    def clock(now: Progress) -> None:
        found.append(now)
        if now.seconds >= seconds:
            raise _TimeIsUp

    with suppress(_TimeIsUp):
        trainer.train(clock)
    outcome = trainer.outcome
    return reader, _Measured(outcome.decisions, outcome.tokens, found[-1].seconds)


def _floor(reader: Reader, measured: _Measured) -> float:
    """Share of the machine's matrix rate that the layers' products alone come to."""
    network = reader.network
    outside = {*network.get_input_embeddings().parameters()}
    outside |= {*network.get_output_embeddings().parameters()}
    layers = sum(weight.numel() for weight in network.parameters() if weight not in outside)
    rate = matrix_rate(reader.device.type, half_precision(reader.device) or torch.float32)
    needed = 6 * layers * measured.tokens / rate
    return float(needed / measured.seconds)


if __name__ == "__main__":
    main()
