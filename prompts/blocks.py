"""A template's three Jinja blocks: compiled in a sandbox, checked before the first prompt.

What each block may mention is fixed, since the three parts differ in how often they change: a
history in the static part would make every prompt new to a prefix cache.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType

import jinja2
from jinja2 import meta, nodes

from prompts.charges import put_charges, refusals
from prompts.sandbox import TemplateEnvironment
from simulator.errors import PromptError

MOST_SOURCE = 100_000
"""Characters of a template; more would take seconds to compile."""
MOST_CHARACTERS = 1_000_000
"""Of what a block may say; past the windows of models."""
_MESSAGE = 300

VARIABLES: Mapping[str, frozenset[str]] = {
    "static": frozenset({"examples", "labels"}),
    "user": frozenset({"history", "labels", "persona"}),
    "candidate": frozenset({"item", "labels"}),
}
"""The blocks, in the order of a prompt, and what each may mention."""

PATH_VARIABLES: Mapping[str, frozenset[str]] = {
    "static": frozenset({"steps"}),
    "user": frozenset({"history", "steps"}),
    "candidate": frozenset({"item", "steps"}),
}
"""The same for templates that ask for a path; `item` is the target."""


class Blocks:
    """The compiled blocks of one template.

    Args:
        source: Template text whose line numbers are the file's.
        place: The file's name, for errors.
        variables: What each block may mention; the blocks of a click template by default.

    Raises:
        PromptError: On a syntax error, a missing or additional block, text outside the blocks, a
            tag that no prompt needs, or a variable that a block does not have; names the file, the
            line and, where something is in the line that can be pointed at, the column.
    """

    def __init__(
        self, source: str, place: str, variables: Mapping[str, frozenset[str]] = VARIABLES
    ) -> None:
        self._place = place
        self._lines = re.split(r"\r\n|\r|\n", source)
        self._variables = variables
        environment = TemplateEnvironment()
        if len(source) > MOST_SOURCE:
            raise PromptError(
                f"{place}: the template has {len(source):,} characters; {MOST_SOURCE:,} is the "
                "most. What is long belongs into few-shot examples."
            )
        try:
            tree = environment.parse(source)
            self._check_layout(tree)
            self._lines_of_blocks = {b.name: b.lineno for b in tree.find_all(nodes.Block)}
            for block in tree.find_all(nodes.Block):
                self._check_variables(block, environment)
            put_charges(tree)
            tree.set_environment(environment)
            self._template = environment.from_string(tree)
            self._globals = dict(self._template.globals)
        except jinja2.TemplateSyntaxError as error:
            message = _clipped(str(error.message))
            if message.startswith("No filter named"):
                message += f" There are {', '.join(environment.filter_names)}."
            raise PromptError(f"{self._at(error.lineno, *_quoted(message))}: {message}") from error
        except (RecursionError, SyntaxError, MemoryError, ValueError) as error:
            raise PromptError(
                f"{place}: the template nests its tags or brackets too deeply, or has a number too "
                f"large to read; write it more simply ({_clipped(str(error))})."
            ) from error

    def render(self, block: str, **variables: object) -> str:
        """The text of one block.

        Raises:
            PromptError: If rendering fails, costs too much, or says more than `MOST_CHARACTERS`;
                names the file, the line, the column where something can be pointed at, and the
                variable.
        """
        try:
            context = self._template.new_context({**self._globals, **variables}, shared=True)
            return self._joined(self._template.blocks[block](context), block)
        except (
            jinja2.TemplateError,
            ArithmeticError,
            AssertionError,
            AttributeError,
            LookupError,
            MemoryError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            message = _clipped(str(error))
            place = self._at(self._line(error.__traceback__), *_quoted(message)[::-1])
            exists = _what_exists(message, variables)
            raise PromptError(f"{place}, block {block!r}: {message}{exists}") from error

    def _joined(self, pieces: Iterator[str], block: str) -> str:
        """The pieces as one text, measured before it is made."""
        out: list[str] = []
        characters = 0
        for piece in pieces:
            characters += len(piece)
            if characters > MOST_CHARACTERS:
                raise PromptError(
                    f"{self._at(self._lines_of_blocks[block])}, block {block!r}: it says more than "
                    f"{MOST_CHARACTERS:,} characters; show fewer items, or shorten the loops."
                )
            out.append(piece)
        return "".join(out)

    def _at(self, line: int, *words: str) -> str:
        """The file, the line, and the column of the first of the words that stands in a tag."""
        text = self._lines[line - 1] if 0 < line <= len(self._lines) else ""
        for word in filter(None, words):
            # As a word of its own where it is one: "a" is not the a in "labels".
            edge = r"(?<!\w)" if word[:1].isalnum() else ""
            end = r"(?!\w)" if word[-1:].isalnum() else ""
            found = re.search(edge + re.escape(word) + end, _only_tags(text))
            if found:
                return f"{self._place}, line {line}, column {found.start() + 1}"
        return f"{self._place}, line {line}"

    def _line(self, trace: TracebackType | None) -> int:
        """The template line in which a traceback ends."""
        line = 1
        while trace is not None:
            if trace.tb_frame.f_globals is self._template.root_render_func.__globals__:
                line = self._template.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return line

    def _check_layout(self, tree: nodes.Template) -> None:
        for line, word, why in refusals(tree):
            raise PromptError(f"{self._at(line, word)}: {why}")
        names = [block.name for block in tree.find_all(nodes.Block)]
        if names != list(self._variables):
            raise PromptError(
                f"{self._place}: the blocks must be {', '.join(self._variables)}, in this order, "
                "each as {% block NAME %} ... {% endblock %}; found "
                f"{_clipped(', '.join(names)) or 'none'}."
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
                f"{self._at(line, name)}: block {block.name!r} has no variable "
                f"{_clipped(name)!r}.{hint} It has: {', '.join(sorted(known))}."
            )


def _clipped(message: str) -> str:
    """A message that may quote the template, at a length for people."""
    return message if len(message) <= _MESSAGE else f"{message[:_MESSAGE]} …"


def _quoted(message: str) -> list[str]:
    """What a message puts between quotation marks, such as a token or a name."""
    return re.findall(r"'([^']+)'", message)


def _only_tags(line: str) -> str:
    """A line with blanks in place of the text that stands outside of its tags."""
    if "{{" not in line and "{%" not in line:
        return line  # within a tag of several lines
    out, end = "", 0
    for tag in re.finditer(r"\{\{.*?(?:\}\}|$)|\{%.*?(?:%\}|$)", line):
        out += " " * (tag.start() - end) + tag.group()
        end = tag.end()
    return out


def _what_exists(message: str, variables: Mapping[str, object]) -> str:
    """The fields that an item, an example or the labels have, where another was asked for."""
    asked = re.search(r"'(\S+) object' has no attribute '(\w+)'", message)
    if asked is None:
        return ""
    for value in _things(variables.values()):
        kind = type(value)
        if asked.group(1) in (kind.__name__, f"{kind.__module__}.{kind.__qualname__}"):
            names = sorted(value if isinstance(value, dict) else vars(value))
            close = difflib.get_close_matches(asked.group(2), names, n=1, cutoff=0.5)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            return f".{hint} It has: {', '.join(names)}."
    return ""


def _things(values: Iterable[object]) -> Iterator[object]:
    """The values, and those of which they consist."""
    for value in values:
        if isinstance(value, tuple):
            yield from _things(value)
        elif isinstance(value, dict) or hasattr(value, "__dict__"):
            yield value
            if not isinstance(value, dict):
                yield from _things(vars(value).values())


def _first_line(node: nodes.Node) -> int:
    """The line of a node's first visible text."""
    for part in node.find_all(nodes.TemplateData):
        if part.data.strip():
            leading = part.data[: len(part.data) - len(part.data.lstrip())]
            return part.lineno + leading.count("\n")
    return node.lineno
