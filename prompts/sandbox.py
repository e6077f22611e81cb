"""The sandbox that templates run in: no files, no Python internals, and work that has an end.

A template from a stranger may loop for ever or ask for gigabytes, and a draft may by accident. So
every operation whose cost grows with its operands is charged for before it is done, in units of
about one character written: a render has a fixed number of them. Units are counted, not seconds,
so that a template that renders here renders everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

import jinja2
from jinja2 import pass_context
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace

WORK = 5_000_000
"""Units a render of one block may cost; the shipped templates use a few thousand."""
NODE = 25
"""Units for one step of a loop's body, such as a variable or a tag: about 0.3 microseconds."""
_OBJECT = 16
_LARGEST = 2**64

LOOP, WEIGHED, COUNTED = "charged: loop", "charged: value", "charged: length"
"""Filters that `prompts.charges` puts into templates; no template can name them."""


def _names(words: str) -> tuple[str, ...]:
    return tuple(words.split())


_FILTERS = _names(
    "abs capitalize center count d default e escape first float indent int join last length list "
    "lower map max min reject rejectattr replace reverse round select selectattr sort string title "
    "tojson trim truncate unique upper wordcount"
)
_GLOBALS = ("range", "cycler", "joiner", "dict")
_METHODS: Mapping[type, tuple[str, ...]] = {
    str: _names(
        "capitalize casefold center count endswith find index isalnum isalpha isascii isdigit "
        "islower isnumeric isspace istitle isupper join ljust lower lstrip partition removeprefix "
        "removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines "
        "startswith strip swapcase title upper zfill"
    ),
    dict: ("get", "items", "keys", "values"),
    list: ("count", "index"),
    tuple: ("count", "index"),
    LoopContext: ("changed", "cycle"),
    Cycler: ("next", "reset"),
}
_JINJAS_OWN = frozenset({"_loop_vars", "_block_vars"})
"""Arguments that Jinja itself adds to calls, and takes out again."""


class _Namespace(Namespace):
    """One that is not written out, since it may hold itself."""

    def __repr__(self) -> str:
        return "<namespace>"


class _ChargedContext(Context):
    """The variables of one render, and what it may still cost."""

    left: float = WORK

    def charge(self, units: float) -> None:
        """Take units from what is left.

        Raises:
            TemplateRuntimeError: If there are not so many.
        """
        self.left -= units
        if not self.left >= 0:
            raise jinja2.TemplateRuntimeError(
                "this takes more time or memory than any prompt needs; shorten the loops, and make "
                "no long texts, lists or numbers here."
            )


def _weight(value: object, most: float) -> int:
    """About how many characters a value would take written out; stops counting past `most`."""
    total, waiting = 0, [value]
    while waiting and total <= most:
        part = waiting.pop()
        total += _OBJECT
        if isinstance(part, jinja2.Undefined):
            continue
        if isinstance(part, str):
            total += len(part)
        elif isinstance(part, int):
            total += part.bit_length()
        elif isinstance(part, range):
            total += len(part) * _OBJECT
        elif isinstance(part, Mapping):
            waiting += [*part, *part.values()]
        elif isinstance(part, Collection):
            waiting += part
        elif is_dataclass(part):
            waiting += vars(part).values()
    return total


def _factor(value: object, most: float) -> float:
    """How many times larger an operation may make another value by this one: widths, counts."""
    if isinstance(value, int | float):
        return abs(value)
    return len(value) if isinstance(value, str) else _weight(value, most)


def _depth(value: object) -> int:
    """Lists and dicts within each other, 0 for anything else."""
    if isinstance(value, str) or not isinstance(value, Collection):
        return 0
    parts = value.values() if isinstance(value, Mapping) else value
    return 1 + max(map(_depth, parts), default=0)


def _charge_product(context: Any, value: object, others: Iterable[object]) -> None:
    """For what reads a value once for each character, or count, of the others."""
    left = context.left
    context.charge(_weight(value, left) * (1 + sum(_factor(other, left) for other in others)))


@pass_context
def _loop(context: Any, items: Any, steps: int) -> Any:
    """What a `for` runs over, all its iterations paid; `steps` is what one costs, in nodes."""
    if isinstance(items, Iterator):
        items = list(items)
    if isinstance(items, Collection):
        context.charge(len(items) * steps * NODE)
    return items


@pass_context
def _weighed(context: Any, value: Any) -> Any:
    context.charge(_weight(value, context.left))
    return value


@pass_context
def _counted(context: Any, value: Any) -> Any:
    if isinstance(value, Collection):
        context.charge(len(value))
    return value


def _charged(run: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A filter or a test that is paid before it runs, and whose result is no lazy one."""

    @pass_context
    def charged(context: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        others = [*args, *kwargs.values()]
        _charge_product(context, value, others)
        if name == "tojson" and others:  # which indents every level of a nest further
            _charge_product(context, value, [_depth(value) * _factor(n, 0) for n in others])
        made = run(name, value, args, kwargs, context=context)
        return list(made) if isinstance(made, Iterator) else made

    return charged


class TemplateEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox with a price on everything that grows."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))
    context_class = _ChargedContext

    def __init__(self) -> None:
        super().__init__(
            undefined=jinja2.StrictUndefined,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            loader=None,
        )
        # Nothing random: the same prompt twice must be the same text.
        plain = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
        self.filters = {name: _charged(plain.call_filter, name) for name in _FILTERS}
        self.filters |= {LOOP: _loop, WEIGHED: _weighed, COUNTED: _counted}
        self.tests = {name: _charged(plain.call_test, name) for name in self.tests}
        self.globals = {name: self.globals[name] for name in _GLOBALS} | {"namespace": _Namespace}
        self._functions = tuple(self.globals.values())

    @property
    def filter_names(self) -> list[str]:
        """The filters that a template may name."""
        return list(_FILTERS)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic: numbers stay of ordinary size, texts and lists are paid for."""
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" or (operator == "%" and not numbers):
            raise jinja2.TemplateRuntimeError(
                f"the operator {operator!r} is not for templates; write the result."
            )
        if operator == "*" and not numbers:
            _charge_product(context, left, [right])
            _charge_product(context, right, [left])
        elif not numbers:
            context.charge(_weight([left, right], context.left))
        made = super().call_binop(context, operator, left, right)
        if isinstance(made, int) and abs(made) > _LARGEST:
            raise jinja2.TemplateRuntimeError("this makes a number that no prompt needs.")
        return made

    def call(__self, __context: Any, __callee: Any, *args: Any, **kwargs: Any) -> Any:
        """A call: of a few functions and of methods that only read."""
        given = [*args, *(value for name, value in kwargs.items() if name not in _JINJAS_OWN)]
        owner = getattr(__callee, "__self__", None)
        name = getattr(__callee, "__name__", type(__callee).__name__)
        if any(isinstance(owner, kind) and name in names for kind, names in _METHODS.items()):
            _charge_product(__context, owner, given)
        elif isinstance(__callee, Joiner | jinja2.Undefined) or any(
            __callee is function for function in __self._functions
        ):
            __context.charge(_weight(given, __context.left))
        else:
            raise jinja2.TemplateRuntimeError(f"a template cannot call {name!r}; take it out.")
        return super().call(__context, __callee, *args, **kwargs)
