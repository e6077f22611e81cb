"""What a training starts from, and the folder that it ends in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from prompts import ShownItem, Template, load_template, template_names
from simulator.domain import Catalogue, FloatArray
from simulator.engines.encoding import Encoder
from simulator.engines.hub import (
    checkpoint_folder,
    dtype_of,
    load_causal_model,
    load_encoder,
    quiet,
    revision_of,
)
from simulator.engines.models import resolve_model
from simulator.errors import MissingExtraError
from simulator.files import write_text, written_in_rust
from simulator.training.network import START, make_network
from simulator.training.settings import SCRATCH, LoraSettings, TrainingSettings
from simulator.training.tokenizer import train_tokenizer

_USUAL_POINTS = 30
"""Of a persona, in size."""


@dataclass(eq=False)
class BaseModel:
    """A network to be trained, with its tokenizer.

    Attributes:
        network: A causal language model of transformers, on its device.
        encoder: How prompts become its tokens.
        name: What the user called it.
        revision: Which version of it; "" from scratch.
        saved_as: The precision that the trained model is saved in.
        adapters: peft's model around the network where adapters are trained, else None.
    """

    network: Any
    encoder: Encoder
    name: str
    revision: str
    saved_as: torch.dtype
    adapters: Any = None

    @property
    def trained(self) -> Any:
        """What an optimiser is given: the network, or the adapters' model around it."""
        return self.network if self.adapters is None else self.adapters

    @property
    def parameters(self) -> int:
        """Weights of the network, adapters left out."""
        named = self.network.named_parameters()
        return sum(weight.numel() for name, weight in named if "lora_" not in name)


def open_base(
    settings: TrainingSettings, catalogue: Catalogue, templates: Sequence[Template]
) -> BaseModel:
    """Make or load what the settings start from.

    Raises:
        EngineError: If it cannot be loaded; transformers must have a class for its architecture.
        MissingExtraError: If adapters are wanted and peft is not installed.
    """
    if settings.base == SCRATCH:
        return _from_scratch(settings, catalogue, templates)
    resolved = resolve_model(settings.base)
    encoder = load_encoder(resolved)
    folder = checkpoint_folder(resolved)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    saved_as = getattr(torch, dtype_of(folder) or "float32")
    # Weights that are trained are kept in float32, or small steps would be rounded away.
    halved = settings.lora is not None and device.type == "cuda"
    network = load_causal_model(resolved, dtype=torch.bfloat16 if halved else torch.float32)
    base = BaseModel(network.to(device), encoder, resolved.name, revision_of(folder), saved_as)
    return base if settings.lora is None else _adapted(base, settings.lora, settings.seed)


def begin_titles(base: BaseModel, catalogue: Catalogue, features: FloatArray) -> None:
    """Start the tokens of whole titles from what is known of their items.

    Args:
        base: From scratch, with a token for each title; a base of words stays as it is.
        catalogue: Whose titles are tokens.
        features: Of each item, of mean 0 and variance 1, shape (n_items, d), d at most the width.
    """
    known = base.encoder.tokenizer.get_added_vocab()
    spelled = [f'"{ShownItem(title).title}"' for title in catalogue.titles]
    rows = [row for row, title in enumerate(spelled) if title in known]
    tokens = [known[spelled[row]] for row in rows]
    with torch.no_grad():
        table = base.network.get_input_embeddings().weight
        table[tokens, : features.shape[1]] = torch.from_numpy(features[rows]).to(table) * START


def begin_points(base: BaseModel) -> None:
    """Start the tokens of a persona's points, " -100" to " +100", in their order on a line.

    They have in common that they are points, and differ in how many: what is learnt of some is
    learnt of all. Each for itself is met too seldom.

    Args:
        base: From scratch; its tokenizer has a token for each.
    """
    known = base.encoder.tokenizer.get_vocab()
    points = {n: known.get(f"Ġ{n:+d}") for n in range(-100, 101)}
    found = {n: token for n, token in points.items() if token is not None}
    with torch.no_grad():
        table = base.network.get_input_embeddings().weight
        # Two tokens' fresh rows are as good as any for where the line lies and where it goes.
        middle, direction = table[found[0]].clone(), table[found[1]].clone()
        steps = torch.tensor(list(found)).to(table) / _USUAL_POINTS
        table[list(found.values())] = middle + steps[:, None] * direction


def half_precision(device: torch.device) -> torch.dtype | None:
    """The shorter floating-point format that a device computes well in, or None."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.bfloat16
    return None


def save_model(base: BaseModel, out: Path) -> None:
    """Write the model as a Hugging Face folder; adapters are merged into it."""
    network = base.network
    if base.adapters is not None:
        network = base.adapters.merge_and_unload()
    network.to(base.saved_as)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = base.encoder.tokenizer
    if not base.revision:
        # Greedy, so that `generate` writes the likelier label and ends.
        network.generation_config = GenerationConfig(
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            do_sample=False,
        )
    with quiet(), written_in_rust(out):
        network.save_pretrained(out)
        tokenizer.save_pretrained(out)
    if not base.revision:
        # transformers 4 looks for these names; without them it would take another rotation.
        rope = network.config.rope_parameters
        _amend(out / "config.json", {"rope_theta": rope["rope_theta"], "torch_dtype": "float32"})
        _amend(out / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"})
    for path in out.glob("*.safetensors"):
        path.chmod(0o644)


def _from_scratch(
    settings: TrainingSettings, catalogue: Catalogue, templates: Sequence[Template]
) -> BaseModel:
    shipped = [load_template(name) for name in template_names()]
    known = {template.sha256 for template in shipped}
    own = [template for template in templates if template.sha256 not in known]
    tokenizer = train_tokenizer(catalogue, [*shipped, *own], settings.network)
    network = make_network(
        settings.network,
        len(tokenizer),
        tokenizer.eos_token_id,
        tokenizer.pad_token_id,
        seed=settings.seed,
    )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    encoder = Encoder(tokenizer, settings.network.window)
    return BaseModel(network.to(device), encoder, SCRATCH, "", torch.float32)


def _adapted(base: BaseModel, settings: LoraSettings, seed: int) -> BaseModel:
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise MissingExtraError("peft", "train", "Training adapters (--lora)") from error
    torch.manual_seed(seed)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    base.adapters = get_peft_model(base.network, config)
    base.network = base.adapters.get_base_model()
    return base


def _amend(path: Path, values: dict[str, object]) -> None:
    """Set keys of a JSON file."""
    content = json.loads(path.read_text(encoding="utf-8")) | values
    write_text(path, json.dumps(content, indent=2, sort_keys=True) + "\n")
