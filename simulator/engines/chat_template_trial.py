"""A stranger's chat template, tried out where it can be stopped.

It is a program that comes with a model, and transformers renders it in a sandbox that keeps it from
files and from Python, but not from looping for ever. So before it is rendered here, a process of
its own renders one message, with little time and memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

SECONDS = 20.0
"""Of wall time; of processor time the trial takes 1 at most."""
_SCRIPT = Path(__file__).parent / "chat_template_child.py"
_PASSED = 0
_MESSAGE = "Hello"


def try_chat_template(tokenizer: Any) -> None:
    """See one message through a tokenizer's chat template.

    Raises:
        ValueError: If it takes too long or too much memory, fails, or leaves the message out.
    """
    import jinja2

    words = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    _try(json.dumps([tokenizer.get_chat_template(), words], sort_keys=True))
    message = [{"role": "user", "content": _MESSAGE}]
    try:
        said = tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
    except (jinja2.TemplateError, TypeError, LookupError) as error:
        raise ValueError(f"its chat template fails on a message: {error}.") from error
    if _MESSAGE not in said:
        raise ValueError("its chat template does not say what the message says.")


@lru_cache(maxsize=64)
def _try(question: str) -> None:
    try:
        ended = subprocess.run(
            [sys.executable, "-I", str(_SCRIPT)],
            input=question.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        ended = -1
    if ended != _PASSED:
        raise ValueError(
            "its chat template needs more time or memory than any message is worth; it may be "
            "meant to hang programs. Take it out of tokenizer_config.json or chat_template.jinja, "
            "or take another model."
        )
