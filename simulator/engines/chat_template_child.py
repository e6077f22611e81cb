"""Renders one message by the chat template on standard input, under limits; run as a script.

It imports Jinja alone, so that it starts fast. The sandbox, the tags and the filters are those of
transformers; what only formats (dates, JSON) may differ.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import jinja2.ext
from jinja2 import nodes
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

_SECONDS = 1
_MEMORY = 512 * 2**20


class _Generation(jinja2.ext.Extension):
    """`{% generation %}`, which marks the model's own words."""

    tags = {"generation"}  # noqa: RUF012 - an instance's attribute in Jinja

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)


def main() -> None:
    """Ends well unless it must be stopped; a template's own errors are no matter here."""
    template, tokens = json.load(sys.stdin)
    _limit()
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = lambda value, **_: json.dumps(value)
    environment.globals |= {"raise_exception": _refuse, "strftime_now": lambda format: format}
    said: dict[str, Any] = {
        "messages": [{"role": "user", "content": 'Recommended: "Probe"\nAnswer:'}],
        "tools": None,
        "documents": None,
        "add_generation_prompt": True,
        "enable_thinking": False,
    }
    try:
        text = environment.from_string(template).render(**said, **tokens)
    except MemoryError:
        sys.exit(1)
    except Exception:  # noqa: BLE001 - whoever renders it in earnest will say what is wrong
        return
    if len(text) > 1_000_000:
        sys.exit(1)


def _limit() -> None:
    try:
        import resource
    except ImportError:  # not on Windows; there the clock alone decides
        return
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


if __name__ == "__main__":
    main()
