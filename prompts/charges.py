"""What a template's text may contain, and where the sandbox charges for its work."""

from __future__ import annotations

import math
from collections.abc import Iterable

from jinja2 import nodes

from prompts.sandbox import COUNTED, LOOP, WEIGHED

MOST_NODES = 10_000
"""Tags, variables, operators and texts of a template."""

_REFUSED: dict[type[nodes.Node], str] = {
    nodes.Include: "a template cannot load another file; write its text here.",
    nodes.Import: "a template cannot load another file; write its text here.",
    nodes.FromImport: "a template cannot load another file; write its text here.",
    nodes.Extends: "a template cannot load another file; write its text here.",
    nodes.Macro: "a template has no macros; write the text out, or loop over a list.",
    nodes.CallBlock: "a template has no macros to call; write the text out.",
    nodes.FilterBlock: "a template filters single values; write {{ value | filter }}.",
    nodes.AssignBlock: "a template sets values, not blocks; write {% set name = value %}.",
    nodes.ScopedEvalContextModifier: "prompts are no HTML; take `autoescape` out.",
}


def refusals(tree: nodes.Template) -> Iterable[tuple[int, str, str]]:
    """What a template may not contain: (line, the tag's word, why and what to do)."""
    for size, node in enumerate(tree.find_all((nodes.Stmt, nodes.Expr))):
        if size >= MOST_NODES:
            why = f"the template has more than {MOST_NODES:,} tags, words and signs; shorten it."
            yield node.lineno, "", why
            return
        if type(node) in _REFUSED:
            yield node.lineno, _word(node), _REFUSED[type(node)]
        if isinstance(node, nodes.For) and node.recursive:
            yield node.lineno, "recursive", "a loop cannot call itself; take `recursive` out."
        if isinstance(node, nodes.Const) and _is_endless(node.value):
            yield node.lineno, "", "a number is too large; write a smaller one."


def put_charges(tree: nodes.Template) -> None:
    """Wrap whatever grows with its operands, in place; arithmetic and calls charge by themselves.

    Loops are charged for all their iterations before the first; lists, joined and compared values
    by what they would take written out; slices by their length.
    """
    for node in list(tree.find_all(nodes.Node)):
        match node:
            case nodes.For():
                steps = nodes.Const(_steps(node), lineno=node.lineno)
                node.iter = _wrapped(node.iter, LOOP, steps)
            case nodes.Getitem(arg=nodes.Slice()):
                node.node = _wrapped(node.node, COUNTED)
            case nodes.Concat():
                node.nodes = [_weighed(part) for part in node.nodes]
            case nodes.List() | nodes.Tuple(ctx="load"):
                node.items = [_weighed(part) for part in node.items]
            case nodes.Pair():
                node.key, node.value = _weighed(node.key), _weighed(node.value)
            case nodes.Compare() | nodes.Operand():
                node.expr = _weighed(node.expr)


def _weighed(value: nodes.Expr) -> nodes.Expr:
    return value if isinstance(value, nodes.Const) else _wrapped(value, WEIGHED)


def _wrapped(value: nodes.Node, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(value, name, list(args), [], None, None, lineno=value.lineno)


def _steps(loop: nodes.For) -> int:
    """Nodes that one iteration evaluates; inner loops count for themselves, and once here."""
    steps, waiting = 1, [*loop.body, *([loop.test] if loop.test else [])]
    while waiting:
        node = waiting.pop()
        steps += 1
        only = ("iter", "else_") if isinstance(node, nodes.For) else None
        waiting += node.iter_child_nodes(only=only)
    return steps


def _word(node: nodes.Node) -> str:
    """What the tag is called in the template."""
    words: dict[type[nodes.Node], str] = {
        nodes.FromImport: "from",
        nodes.AssignBlock: "set",
        nodes.ScopedEvalContextModifier: "autoescape",
    }
    return words.get(type(node), type(node).__name__.lower().removesuffix("block"))


def _is_endless(value: object) -> bool:
    return isinstance(value, float) and math.isinf(value)
