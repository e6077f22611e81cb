"""A template's three Jinja blocks: compiled in a sandbox, checked before the first prompt.

The sandbox sees no files, no Python internals and nothing random. What each block may mention is
fixed, since the three parts differ in how often they change: a history in the static part would
make every prompt new to a prefix cache.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import TracebackType

import jinja2
from jinja2 import meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from simulator.errors import PromptError

VARIABLES: Mapping[str, frozenset[str]] = {
    "static": frozenset({"examples", "labels"}),
    "user": frozenset({"history", "labels"}),
    "candidate": frozenset({"item", "labels"}),
}
"""The blocks, in the order of a prompt, and what each may mention."""

PATH_VARIABLES: Mapping[str, frozenset[str]] = {
    "static": frozenset({"steps"}),
    "user": frozenset({"history", "steps"}),
    "candidate": frozenset({"item", "steps"}),
}
"""The same for templates that ask for a path; `item` is the target."""


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        loader=None,
    )
    # The same prompt twice must be the same text.
    del environment.globals["lipsum"], environment.filters["random"]
    return environment


class Blocks:
    """The compiled blocks of one template.

    Args:
        source: Template text whose line numbers are the file's.
        place: The file's name, for errors.
        variables: What each block may mention; the blocks of a click template by default.

    Raises:
        PromptError: On a syntax error, a missing or additional block, text outside the blocks, or
            a variable that a block does not have; names the file and the line.
    """

    def __init__(
        self, source: str, place: str, variables: Mapping[str, frozenset[str]] = VARIABLES
    ) -> None:
        self._place = place
        self._variables = variables
        environment = _environment()
        try:
            tree = environment.parse(source)
            self._check_layout(tree)
            for block in tree.find_all(nodes.Block):
                self._check_variables(block, environment)
            self._template = environment.from_string(source)
        except jinja2.TemplateSyntaxError as error:
            raise PromptError(f"{place}, line {error.lineno}: {error.message}") from error

    def render(self, block: str, **variables: object) -> str:
        """The text of one block.

        Raises:
            PromptError: If rendering fails; names the file, the line and the variable.
        """
        try:
            context = self._template.new_context(variables)
            return "".join(self._template.blocks[block](context))
        except (
            jinja2.TemplateError,
            ArithmeticError,
            AttributeError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            line = self._line(error.__traceback__)
            raise PromptError(f"{self._place}, line {line}, block {block!r}: {error}") from error

    def _line(self, trace: TracebackType | None) -> int:
        """The template line in which a traceback ends."""
        line = 1
        while trace is not None:
            if trace.tb_frame.f_globals is self._template.root_render_func.__globals__:
                line = self._template.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return line

    def _check_layout(self, tree: nodes.Template) -> None:
        for loading in tree.find_all(
            (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
        ):
            raise PromptError(
                f"{self._place}, line {loading.lineno}: a template cannot load another file; "
                "write its text here."
            )
        names = [block.name for block in tree.find_all(nodes.Block)]
        if names != list(self._variables):
            raise PromptError(
                f"{self._place}: the blocks must be {', '.join(self._variables)}, in this order, "
                "each as {% block NAME %} ... {% endblock %}; found "
                f"{', '.join(names) or 'none'}."
            )
        for node in tree.body:
            blank = isinstance(node, nodes.Output) and all(
                isinstance(part, nodes.TemplateData) and not part.data.strip()
                for part in node.nodes
            )
            if not blank and not isinstance(node, nodes.Block):
                raise PromptError(
                    f"{self._place}, line {_first_line(node)}: text outside the blocks would never "
                    "reach the model; move it into one of them."
                )

    def _check_variables(self, block: nodes.Block, environment: jinja2.Environment) -> None:
        body = nodes.Template(block.body, lineno=block.lineno)
        body.set_environment(environment)
        known = self._variables[block.name]
        for name in sorted(
            meta.find_undeclared_variables(body) - known - environment.globals.keys()
        ):
            line = min(node.lineno for node in block.find_all(nodes.Name) if node.name == name)
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise PromptError(
                f"{self._place}, line {line}: block {block.name!r} has no variable {name!r}.{hint} "
                f"It has: {', '.join(sorted(known))}."
            )


def _first_line(node: nodes.Node) -> int:
    """The line of a node's first visible text."""
    for part in node.find_all(nodes.TemplateData):
        if part.data.strip():
            leading = part.data[: len(part.data) - len(part.data.lstrip())]
            return part.lineno + leading.count("\n")
    return node.lineno
