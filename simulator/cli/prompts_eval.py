"""`nudgesim prompts eval`: hold prompts against logged users."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.console import steps_bar
from simulator.cli.prompts_options import (
    BookFile,
    Cache,
    Data,
    Engine,
    Export,
    Exposures,
    Mass,
    Models,
    Seed,
    Templates,
    Urls,
    lab_of,
    print_notes,
    print_table,
    template_of,
    write_export,
)
from simulator.errors import ConfigError

if TYPE_CHECKING:
    from prompts import Template
    from simulator.lab import Lab, Variant


def evaluate(
    templates: Templates = None,
    data: Data = "demo",
    model: Models = None,
    engine: Engine = "auto",
    url: Urls = None,
    examples: Annotated[
        list[str] | None,
        typer.Option(help="auto, shipped, none, log:N, or a YAML file; repeatable."),
    ] = None,
    personas: Annotated[
        list[str] | None,
        typer.Option(
            help="What prompts say of users: auto, none, log, or a file of words; repeatable."
        ),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(help="CLICK/SKIP, other answer words, such as 1/0; repeatable."),
    ] = None,
    incumbent: Annotated[
        str | None,
        typer.Option(help="What differences are taken to; the data set's shipped template."),
    ] = None,
    exposures: Exposures = 2000,
    test: Annotated[
        bool,
        typer.Option("--test", help="Judge on the test users; every look at them is counted."),
    ] = False,
    minimum_mass: Mass = 0.5,
    cache: Cache = "auto",
    book: BookFile = None,
    export: Export = None,
    seed: Seed = 0,
) -> None:
    """Hold prompts against logged users: how true, how dear, and is the difference real?

    All templates, times all few-shot settings, personas, label words and models; the differences
    are taken to the incumbent under the same model. A prompt that was asked before is not asked
    again.

    Examples:
        nudgesim prompts eval my.j2

        nudgesim prompts eval my.j2 --examples shipped --examples log:4 --labels yes/no --labels 1/0

        nudgesim prompts eval --data ml-100k --model ./my-agent --personas none --personas log

        nudgesim prompts eval my.j2 --data ml-100k --model qwen3-4b --test
    """
    import pandas as pd

    from simulator.lab.tables import evaluation_table

    pairs = [_pair(text) for text in labels or ()]
    first = template_of(incumbent or "auto", book)
    loaded = [template_of(name, book) for name in templates or ["auto"]]
    boards, tables = [], []
    for name in model or ["auto"]:
        settings = {"model": name, "engine": engine, "urls": url or None}
        kept = {"cache": cache, "minimum_mass": minimum_mass}
        with lab_of(data, book, seed, **settings, **kept) as lab:
            variants = _variants(lab, first, loaded, examples or [], personas or [], pairs)
            with steps_bar("asking") as bar:
                found = lab.evaluate(
                    variants,
                    exposures=exposures,
                    split="test" if test else "development",
                    progress=lambda prompt, done, total: bar(done, total, prompt),
                )
        tables.append(evaluation_table(found))
        print_table(tables[-1])
        print_notes(found)
        boards.append(found.board().assign(model=found.model))
    write_export(pd.concat(boards), tables, export)


def _variants(
    lab: Lab,
    incumbent: Template | None,
    templates: Sequence[Template | None],
    examples: Sequence[str],
    personas: Sequence[str],
    pairs: Sequence[tuple[str, str]],
) -> list[Variant]:
    """The incumbent, and all templates times few-shot settings, personas and label words."""
    from simulator.lab.axes import relabelled

    shown: Sequence[str | None] = examples or [None]
    told: Sequence[str | None] = personas or [None]
    out = [lab.variant(incumbent, shown[0], told[0])]
    for template, setting, known in product(templates, shown, told):
        variant = lab.variant(template, setting, known)
        own = variant.template.labels.pair
        for click, skip in pairs or [own]:
            same = (click, skip) == own
            out.append(variant if same else relabelled(variant, click, skip))
    kept: dict[tuple[object, ...], Variant] = {}
    for variant in out:  # the incumbent stays first, also where it is named again
        key = (variant.template.sha256, variant.static_sha256, variant.personas)
        kept.setdefault(key, variant)
    return list(kept.values())


def _pair(text: str) -> tuple[str, str]:
    click, slash, skip = text.partition("/")
    if not (click and slash and skip):
        raise ConfigError(f"--labels {text!r}: write the word for a click, /, the word for a skip.")
    return click, skip
