"""What a sweep varies: each axis makes variants of a base, and says what it does to the meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from evals.probes.examples import order_variants
from evals.probes.wording import PARAPHRASES
from prompts import Template, load_template, shipped_examples, template_names
from prompts.examples import Example
from simulator.errors import ConfigError, DataError, PromptError, UnknownNameError
from simulator.lab.laboratory import Lab
from simulator.lab.variants import Change, Effect, Variant, distinct

LABELS: Mapping[str, Sequence[tuple[str, str]]] = {
    "en": (("yes", "no"), ("1", "0"), ("click", "skip")),
    "zh": (("是", "否"), ("1", "0"), ("点击", "跳过")),
}
"""Words for a click and for a skip, by language. Exchanged, they are asked for against their
meaning."""

NEUTRAL: Sequence[tuple[str, str]] = (("A", "B"),)
"""Words without a meaning of their own: exchanged, they say the same."""

COUNTS = (2, 4, 8, 16)
WINDOWS = (5, 10, 20, 30, 40, 60)
_PERMUTATIONS = 2

NEWEST_FIRST: Mapping[str, str] = {
    "in history %}": "in history | reverse %}",
    "in example.history %}": "in example.history | reverse %}",
    "oldest first": "newest first",
    "从早到晚": "从晚到早",
}

Axis = Callable[[Lab, Variant], Iterator[Variant]]


def _labels(lab: Lab, base: Variant) -> Iterator[Variant]:
    for one, other in (*_own_words(base), *NEUTRAL):
        for click, skip in ((one, other), (other, one)):
            if (click, skip) != base.template.labels.pair:
                yield relabelled(base, click, skip)


def relabelled(base: Variant, click: str, skip: str) -> Variant:
    """A variant answered in other words; exchanged `LABELS` go against theirs, and say so."""
    said = f"{click} to click, {skip} to skip"
    effect: Effect = "same meaning"
    if (skip, click) in _own_words(base):
        said, effect = f"{said}, against the words", "against the words"
    change = Change("labels", said, effect)
    return base.changed(change, template=base.template.with_labels(click, skip))


def _own_words(base: Variant) -> Sequence[tuple[str, str]]:
    """The pairs of `LABELS` in a variant's language."""
    return LABELS.get(base.template.front_matter.language[:2], LABELS["en"])


def _examples(lab: Lab, base: Variant) -> Iterator[Variant]:
    for shown in ("none", "shipped", *(f"log:{count}" for count in COUNTS)):
        if shown == base.shown:
            continue
        made = _with_examples(lab, base, shown)
        if made is not None:
            what = "no examples" if shown == "none" else f"examples {shown}"
            change = Change("examples", what, "other information")
            yield base.changed(change, examples=made, shown=shown)


def _balance(lab: Lab, base: Variant) -> Iterator[Variant]:
    """As many examples as the base has, with fewer and with more clicks among them."""
    size = len(base.examples)
    pool = _with_examples(lab, base, f"log:{2 * size}")
    for clicks in sorted({1, size // 2, size - 1}):
        if pool is None or not 0 < clicks < size:
            continue
        change = Change(
            "balance", f"examples {clicks} clicked, {size - clicks} not", "same meaning"
        )
        chosen = _first(pool, clicks, size - clicks)
        yield base.changed(change, examples=chosen, shown=f"{size} of log:{2 * size}")


def _order(lab: Lab, base: Variant) -> Iterator[Variant]:
    if len(base.examples) < 2:
        return
    agent = base.agent(lab.engine, lab.settings)
    for made in order_variants(agent, _PERMUTATIONS, lab.seed):
        change = Change("order", f"examples {made.name}", "same meaning")
        yield base.changed(change, examples=tuple(made.examples))


def _history(lab: Lab, base: Variant) -> Iterator[Variant]:
    for window in WINDOWS:
        if window != base.template.history.window:
            template = base.template.with_history(window, max(1, window // 4))
            change = Change("history", f"history of {window}", "other information")
            yield base.changed(change, template=template)


def _direction(lab: Lab, base: Variant) -> Iterator[Variant]:
    try:
        template = base.template.with_phrases("newest first", NEWEST_FIRST)
    except PromptError:
        return  # a template of the user's own that writes its history in another way
    yield base.changed(Change("direction", "newest first", "same meaning"), template=template)


def _categories(lab: Lab, base: Variant) -> Iterator[Variant]:
    if base.template.front_matter.categories:
        change = Change("categories", "without categories", "other information")
        yield base.changed(change, template=base.template.without_categories())


def _personas(lab: Lab, base: Variant) -> Iterator[Variant]:
    if not base.template.mentions_persona:
        return
    what = "with personas" if base.personas is None else "without personas"
    told = lab.personas() if base.personas is None else None
    yield base.changed(Change("personas", what, "other information"), personas=told)


def _wording(lab: Lab, base: Variant) -> Iterator[Variant]:
    for name, phrases in PARAPHRASES.items():
        try:
            template = base.template.with_phrases(name, phrases)
        except PromptError:
            continue  # a template of the user's own, with none of the phrases
        yield base.changed(Change("wording", name, "same meaning"), template=template)
    own, language = base.template.name.split(" [")[0], base.template.front_matter.language
    for name in template_names():
        domain = name.partition("/")[0]
        if name == own or domain not in (base.template.front_matter.domain, "general"):
            continue
        other = load_template(name)
        if other.front_matter.language == language:
            template, examples = _like(base.template, other), base.examples
        elif base.shown in ("shipped", "none") and domain != "general":
            template = _with_window(base.template, other)
            examples = shipped_examples(other) if base.shown == "shipped" else ()
        else:
            continue
        yield base.changed(
            Change("wording", name, "same meaning"), template=template, examples=examples
        )


def _like(base: Template, other: Template) -> Template:
    """Another template with the base's labels, history window and categories."""
    if other.labels.pair != base.labels.pair:
        other = other.with_labels(*base.labels.pair)
    return _with_window(base, other)


def _with_window(base: Template, other: Template) -> Template:
    """Another template with the base's history window and categories."""
    if other.history != base.history:
        other = other.with_history(base.history.window, base.history.drop)
    return other if base.front_matter.categories else other.without_categories()


AXES: Mapping[str, Axis] = {
    "examples": _examples,
    "balance": _balance,
    "order": _order,
    "history": _history,
    "direction": _direction,
    "categories": _categories,
    "personas": _personas,
    "wording": _wording,
    "labels": _labels,
}
"""The axes by name."""

MEANING_KEPT = ("order", "balance", "direction", "wording", "labels")
"""Axes of which at least some variants keep the meaning."""


def sweep_variants(
    lab: Lab,
    base: Variant,
    axes: Sequence[str] = tuple(AXES),
    *,
    crossed: bool = False,
    others: Sequence[Template] = (),
) -> list[Variant]:
    """Variants of a base along axes, the base first.

    Args:
        lab: Whose data examples are drawn from.
        base: What is varied.
        axes: Names of `AXES`.
        crossed: Every combination of the axes; else one change at a time.
        others: More templates that ask the same: each is one variant of wording.

    Returns:
        Variants that all ask differently.

    Raises:
        UnknownNameError: If there is no such axis.
        ConfigError: If no axis varies the base.
    """
    check_axes(axes)
    out = [base]
    for axis in axes:
        made = [v for start in (out if crossed else [base]) for v in AXES[axis](lab, start)]
        out += made
    out += [
        base.changed(Change("wording", other.name, "same meaning"), template=other)
        for other in others
    ]
    out = distinct(out)
    if len(out) == 1:
        raise ConfigError(
            f"Nothing of {base.name} varies along {', '.join(axes) or 'no axis'}; choose other "
            f"axes of {', '.join(AXES)}."
        )
    return out


def check_axes(axes: Sequence[str]) -> None:
    """Refuse what is no axis, before a model is loaded for it.

    Raises:
        UnknownNameError: If there is no such axis.
    """
    for axis in axes:
        if axis not in AXES:
            raise UnknownNameError("axis", axis, AXES)


def _with_examples(lab: Lab, base: Variant, shown: str) -> tuple[Example, ...] | None:
    """Examples, where the language has shipped ones and the log has enough."""
    try:
        if shown == "shipped":
            return shipped_examples(base.template)
        return lab.variant(base.template, shown).examples
    except (DataError, UnknownNameError):
        return None


def _first(pool: Sequence[Example], clicks: int, skips: int) -> tuple[Example, ...]:
    """The first clicks and no-clicks of a pool, in its order."""
    left = {True: clicks, False: skips}
    out = []
    for example in pool:
        if left[example.clicked] > 0:
            left[example.clicked] -= 1
            out.append(example)
    return tuple(out)
