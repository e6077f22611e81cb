"""`nudgesim models`: language models by name."""

from __future__ import annotations

from simulator.cli.console import console, show_table


def models() -> None:
    """List the models that go by a short name, and what each needs.

    Any other Hugging Face id or folder works as well: --model owner/name, --model ./folder. A
    folder that `nudgesim agent train` wrote is asked as it was trained: through its template,
    without examples, with personas where it had them, calibrated.
    """
    from simulator.engines import PRESETS, default_model

    show_table(
        "Models",
        ["name", "size", "GiB", "remote code", "chat", "one-token labels"],
        [
            (
                p.name,
                p.parameters,
                p.memory_gib,
                "yes" if p.needs_remote_code else "no",
                p.chat_template,
                ", ".join(p.labels),
            )
            for p in PRESETS.values()
        ],
    )
    console.print()
    for p in PRESETS.values():
        console.print(f"[bold]{p.name}[/] ({p.model}): {p.notes}", highlight=False)
    console.print(
        f"\nDefault here: [bold]{default_model()}[/] (pocket without an accelerator, qwen3-4b with "
        "one). GiB: weights in bfloat16; the key-value cache comes on top.",
        highlight=False,
    )
