from pathlib import Path

import numpy as np
import pytest
from lab_worlds import open_lab

from prompts import load_template
from simulator.domain import Dataset
from simulator.errors import ConfigError, UnknownNameError
from simulator.lab import AXES, Lab, Variant, sweep_variants
from simulator.lab.variants import by_name, distinct


@pytest.fixture
def lab(data: Dataset, tmp_path: Path) -> Lab:
    return open_lab(data, tmp_path)[0]


def asked(lab: Lab, variant: Variant) -> tuple[str, ...]:
    """All that reaches the model: the labels and the prompts of a long history."""
    shown = lab.log(exposures=40).shown
    return (*variant.template.labels.pair, *(p.text for p in lab.prompts(variant, shown)))


def find(variants: list[Variant], what: str) -> Variant:
    return next(v for v in variants if v.what == what)


def test_a_sweep_along_all_axes_asks_in_many_ways(lab: Lab) -> None:
    variants = sweep_variants(lab, lab.variant())
    # Windows longer than the world's histories ask the same here; they differ by what they are.
    prompts = {asked(lab, v) for v in variants if "history of" not in v.what}
    short = [v for v in variants if "history of" not in v.what]
    assert len(variants) >= 24
    assert len(prompts) == len(short)
    assert variants[0].what == "as is"
    assert len(by_name(variants)) == len(variants) == len({v.name for v in variants})
    assert {c.axis for v in variants for c in v.changes} == set(AXES)


def test_exchanged_words_keep_the_meaning_only_where_they_have_none(lab: Lab) -> None:
    base = lab.variant()
    variants = sweep_variants(lab, base, ["labels"])
    effect = {v.template.labels.pair: v.says_as(base) for v in variants}
    assert effect[("1", "0")]
    assert effect[("click", "skip")]
    assert effect[("A", "B")]
    assert effect[("B", "A")]
    assert not effect[("no", "yes")]
    assert not effect[("0", "1")]
    swapped = next(v for v in variants if v.template.labels.pair == ("no", "yes"))
    assert "no to click or yes to skip" in swapped.static


def test_what_each_axis_does(lab: Lab) -> None:
    base = lab.variant()
    variants = sweep_variants(lab, base)
    assert find(variants, "history of 5").template.history.window == 5
    assert not find(variants, "history of 5").says_as(base)
    assert not find(variants, "without categories").says_as(base)
    assert not find(variants, "no examples").examples
    assert find(variants, "examples reversed").examples == base.examples[::-1]
    assert find(variants, "examples reversed").says_as(base)
    eight = find(variants, "examples log:8").examples
    assert len(eight) == 8
    assert sum(e.clicked for e in eight) == 4


def test_newest_first_turns_the_history_and_says_so(lab: Lab) -> None:
    base = lab.variant()
    turned = find(sweep_variants(lab, base, ["direction"]), "newest first")
    shown = lab.log(exposures=5).shown
    for one, other in zip(lab.prompts(base, shown), lab.prompts(turned, shown), strict=True):
        films = one.user.splitlines()[1:]
        assert other.user.splitlines()[0] == "Watched so far, newest first:"
        assert other.user.splitlines()[1:] == films[::-1]
        assert len(films) > 1


def test_balance_moves_clicks_and_nothing_else(lab: Lab) -> None:
    base = lab.variant(examples="log:4")
    counts = {
        sum(e.clicked for e in v.examples): len(v.examples)
        for v in sweep_variants(lab, base, ["balance"])[1:]
    }
    assert counts == {1: 4, 2: 4, 3: 4}


def test_crossed_axes_combine(lab: Lab) -> None:
    base = lab.variant()
    one = len(sweep_variants(lab, base, ["history"]))
    two = len(sweep_variants(lab, base, ["categories"]))
    crossed = sweep_variants(lab, base, ["history", "categories"], crossed=True)
    assert len(crossed) == one * two
    assert find(crossed, "history of 5, without categories").template.history.window == 5


def test_a_chinese_template_is_asked_with_chinese_words(lab: Lab) -> None:
    base = lab.variant("movies/click-zh")
    pairs = {v.template.labels.pair for v in sweep_variants(lab, base, ["labels"])}
    assert {("是", "否"), ("否", "是"), ("点击", "跳过"), ("1", "0")} <= pairs


def test_no_axis_and_an_unknown_one_are_refused(lab: Lab) -> None:
    with pytest.raises(UnknownNameError, match=r"axis 'lables'.*Did you mean 'labels'"):
        sweep_variants(lab, lab.variant(), ["lables"])
    bare = lab.variant(load_template("movies/click-en").without_categories())
    with pytest.raises(ConfigError, match=r"Nothing of movies/click-en .*varies along categories"):
        sweep_variants(lab, bare, ["categories"])


def test_equal_ways_of_asking_are_one(lab: Lab) -> None:
    base = lab.variant()
    renamed = lab.variant(base.template.with_labels("yes", "no"))
    assert renamed.template.sha256 != base.template.sha256
    bare = lab.variant(examples="none")
    assert distinct([base, renamed, bare, base]) == [base, bare]


def test_examples_come_from_users_who_are_never_judged(lab: Lab) -> None:
    givers = {title for e in lab.variant(examples="log:8").examples for title in [e.history]}
    judged = lab.log(exposures=10_000).shown
    catalogue = lab.data.catalogue
    histories = {
        tuple(catalogue.titles[int(item)] for item in judged.history[k]) for k in range(len(judged))
    }
    shown = {tuple(item.title for item in history) for history in givers}
    assert shown
    assert not shown & histories
    assert not np.isin(judged.user, lab.log("test", 10_000).shown.user).any()
