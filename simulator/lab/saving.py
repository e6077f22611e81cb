"""A variant as files, which `nudgesim run --template ... --examples ...` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from prompts import ShownItem
from simulator.errors import ConfigError
from simulator.files import write_text
from simulator.lab.variants import Variant
from simulator.lab.writing import new_template


def save_prompt(variant: Variant, name: str, folder: Path) -> list[Path]:
    """Write the template and its examples.

    Args:
        variant: Which.
        name: Of the template, and of both files.
        folder: Where.

    Returns:
        NAME.j2, and NAME.yaml where there are examples.

    Raises:
        ConfigError: If the name is no file's name, or a file is there already.
    """
    examples = folder / f"{name.removesuffix('.j2')}.yaml"
    if variant.examples and examples.exists():
        raise ConfigError(f"{examples} is there already; choose another name, or delete it first.")
    paths = [new_template(name, variant.template, folder)]
    if variant.examples:
        entries = [
            {
                "history": [_item(item) for item in example.history],
                "candidate": _item(example.candidate),
                "clicked": example.clicked,
            }
            for example in variant.examples
        ]
        write_text(examples, yaml.safe_dump(entries, allow_unicode=True, sort_keys=False))
        paths.append(examples)
    return paths


def _item(item: ShownItem) -> dict[str, Any]:
    return {"title": item.title, "categories": list(item.categories)}
