from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lab_worlds import knowing, open_lab, world
from sklearn.metrics import log_loss, roc_auc_score

from evals.bootstrap import holm
from simulator.config import AgentConfig
from simulator.domain import Dataset
from simulator.engines import ScriptedEngine
from simulator.errors import ConfigError, DataError, LabelError
from simulator.lab import Lab, sweep_variants

SHARP = {"newest first": 1.0}


def test_figures_and_differences_are_those_of_scikit_learn(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(data, tmp_path, knowing(SHARP))
    variants = sweep_variants(lab, lab.variant(), ["direction", "history"])
    found = lab.evaluate(variants, exposures=300)

    for name in found.variants:
        p = found.answers[name].probability.astype(float)
        assert found.value(name, "log_loss") == pytest.approx(log_loss(found.log.clicked, p))
        assert found.value(name, "auc") == pytest.approx(roc_auc_score(found.log.clicked, p))
    gaps = found.differences.set_index(["variant", "measure"])
    better = "movies/click-en [newest first]"
    expected = found.value(better, "log_loss") - found.value(found.incumbent, "log_loss")
    gap = gaps.loc[(better, "log_loss")]
    assert gap["difference"] == pytest.approx(expected)
    assert gap["low"] < expected < gap["high"] < 0
    same = gaps.loc[("movies/click-en [history of 40]", "log_loss")]
    assert same["difference"] == same["low"] == same["high"] == 0
    p = found.differences["p"].to_numpy(dtype=float)
    np.testing.assert_allclose(found.differences["p_corrected"], holm(p))
    assert found.board().index[0] == better
    assert found.incumbent == "movies/click-en"


def test_an_unchanged_prompt_is_not_asked_again(data: Dataset, tmp_path: Path) -> None:
    lab, engine = open_lab(data, tmp_path, 0.4)
    one, two = lab.variant(), lab.variant(examples="none")
    lab.evaluate([one], exposures=200)
    asked = len(engine.prompts)
    found = lab.evaluate([one, two], exposures=200)

    costs = found.costs
    assert asked > 0
    assert costs.loc[found.incumbent, "asked"] == 0
    assert costs.loc[found.incumbent, "from_cache"] == asked
    assert np.isnan(costs.loc[found.incumbent, "seconds"])
    assert len(engine.prompts) == 2 * asked
    assert costs["asked"].iloc[1] == asked


def test_a_larger_sample_holds_the_smaller_one(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(data, tmp_path)
    small, large = lab.rows(exposures=50), lab.rows(exposures=120)
    assert len(small) == 50 < len(large)
    assert np.isin(small, large).all()
    assert not np.array_equal(small, large[:50])
    other = open_lab(data, tmp_path, seed=1)[0].rows(exposures=50)
    assert not np.array_equal(small, other)


def test_a_prompt_that_fails_much_takes_no_rows_from_the_others(
    data: Dataset, tmp_path: Path
) -> None:
    lab, _ = open_lab(
        data,
        tmp_path,
        knowing({}),
        mass=lambda text: 0.1 if "newest" in text and '"Film 1' in text[-40:] else 0.9,
    )
    variants = sweep_variants(lab, lab.variant(), ["direction", "categories"])
    found = lab.evaluate(variants, exposures=200)

    rows = found.measures.set_index(["variant", "measure"])["exposures"]
    failing = "movies/click-en [newest first]"
    failures = found.costs.loc[failing, "failures"]
    assert 20 < failures < 200
    assert rows[failing, "auc"] == 200 - failures
    assert (
        rows[found.incumbent, "auc"] == rows["movies/click-en [without categories]", "auc"] == 200
    )
    assert "label mass" in found.costs.loc[failing, "failure"]


def test_a_prompt_that_fails_much_is_ranked_last_however_good_the_rest(
    data: Dataset, tmp_path: Path
) -> None:
    lab, _ = open_lab(
        data,
        tmp_path,
        knowing({"newest first": 1.0}),
        mass=lambda text: 0.1 if "newest" in text and '"Film 1' in text[-40:] else 0.9,
    )
    found = lab.evaluate(sweep_variants(lab, lab.variant(), ["direction"]), exposures=200)
    failing = "movies/click-en [newest first]"
    assert found.value(failing, "log_loss") < found.value(found.incumbent, "log_loss")
    assert found.ranking() == [found.incumbent, failing] == list(found.board().index)
    assert found.ranking("auc") == [found.incumbent, failing]


def test_a_prompt_that_fails_always_is_refused_by_name(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(
        data, tmp_path, knowing({}), mass=lambda text: 0.1 if "newest" in text else 0.9
    )
    variants = sweep_variants(lab, lab.variant(), ["direction", "categories"])
    found = lab.evaluate(variants, exposures=100)
    assert list(found.refused) == ["movies/click-en [newest first]"]
    assert (
        "100 of 100 decisions failed: label mass below 0.5"
        in found.refused[next(iter(found.refused))]
    )
    assert not found.judged("movies/click-en [newest first]")
    with pytest.raises(ConfigError, match="100 of 100 decisions failed: label mass"):
        lab.evaluate([variants[1]], exposures=100)


def test_prompts_over_the_window_are_counted_with_the_longest(
    data: Dataset, tmp_path: Path
) -> None:
    def failure(text: str) -> str:
        size = len(text.split())
        return f"prompt of {size} tokens exceeds the window of 9 (the model's 10 less 1)"

    lab, _ = open_lab(data, tmp_path, failure=failure)
    with pytest.raises(ConfigError, match=r"100 prompts exceed .* room for 9 tokens; the longest"):
        lab.evaluate([lab.variant()], exposures=100)


class Letters:
    """An encoder whose tokens are letters, so that only one-letter labels are one token."""

    window = 100_000

    def tokenize(self, text: str) -> list[int]:
        return [ord(letter) for letter in text.strip()]

    def count_tokens(self, prompts: list) -> np.ndarray:
        return np.array([len(p.text) for p in prompts])


class LetterEngine(ScriptedEngine):
    encoder = Letters()


def test_labels_of_several_tokens_are_refused(data: Dataset) -> None:
    lab = Lab(world(data), AgentConfig(template="movies/click-en"), engine=LetterEngine(0.4))
    base = lab.variant()
    variants = sweep_variants(lab, base, ["labels"])
    one_letter = next(v for v in variants if v.template.labels.pair == ("A", "B"))
    found = lab.evaluate(variants, incumbent=one_letter, exposures=50)
    assert len(found.refused) == len(variants) - 4
    assert "Label 'yes' is no single token" in found.refused["movies/click-en"]
    assert found.costs["tokens"].min() > 500
    with pytest.raises(LabelError, match="'yes' is no single token"):
        lab.evaluate([base], exposures=50)


def test_test_users_need_a_book_and_every_look_is_counted(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(data, tmp_path, 0.4)
    bookless = Lab(lab.data, lab.settings, engine=lab.engine)
    with pytest.raises(ConfigError, match="give the lab a book"):
        bookless.evaluate([lab.variant()], split="test", exposures=50)
    variant = lab.variant()
    assert lab.evaluate([variant], split="test", exposures=50).looks == 1
    assert lab.evaluate([variant], exposures=50).looks == 1  # of the development users
    assert lab.evaluate([variant], split="test", exposures=50).looks == 2


def test_a_look_counts_even_if_it_ends_badly(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(data, tmp_path, 0.4)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lab.evaluate([lab.variant()], split="test", exposures=50, progress=stop)
    assert lab.book is not None
    assert lab.book.test_looks() == {"small": 1}


def test_progress_is_told_to_the_end(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(data, tmp_path, 0.4)
    told: list[tuple[str, int, int]] = []
    variants = [lab.variant(), lab.variant(examples="none")]
    lab.evaluate(variants, exposures=100, progress=lambda *word: told.append(word))
    assert told == [
        ("movies/click-en", 100, 200),
        ("movies/click-en [examples none]", 200, 200),
    ]


def test_an_empty_split_and_nothing_to_ask_are_refused(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(data, tmp_path)
    with pytest.raises(ConfigError, match="No prompt to evaluate"):
        lab.evaluate([])
    with pytest.raises(ConfigError, match="nothing to judge a prompt on"):
        lab.evaluate([lab.variant()], exposures=0)
    assert lab.data.log is not None
    nobody = replace(lab.data, log=lab.data.log.take(np.array([], dtype=int)))
    with pytest.raises(ConfigError, match="leaves no exposures"):
        Lab(nobody, engine=lab.engine)
    clicks = replace(lab.data, log=lab.data.log.take(np.flatnonzero(lab.data.log.clicked)))
    with pytest.raises(DataError, match="cannot be judged on; ask for more"):
        Lab(clicks, lab.settings, engine=lab.engine).evaluate([lab.variant()])


@pytest.mark.slow
def test_the_pocket_agent_in_the_demo_world(tmp_path: Path) -> None:
    kept = str(tmp_path / "decisions.sqlite")
    with Lab.open("demo", model="pocket", engine="transformers", cache=kept) as lab:
        base = lab.variant()
        variants = [base, lab.variant(base.template.without_categories())]
        found = lab.evaluate(variants, exposures=400)
        again = lab.evaluate(variants, exposures=400)

    blind = "movies/click-en [without categories]"
    assert 0.7 < found.value(found.incumbent, "auc") < 0.9
    gap = found.differences.set_index(["variant", "measure"]).loc[(blind, "log_loss")]
    assert gap["low"] > 0  # it reads genres, and knows few titles
    costs = found.costs.loc[found.incumbent]
    assert costs["asked"] == 400
    assert costs["prompt_tokens"] == pytest.approx(400 * costs["tokens"])
    assert 0 < costs["new_tokens"] < costs["tokens"]
    assert again.costs["asked"].sum() == 0
    assert again.value(blind, "log_loss") == found.value(blind, "log_loss")
    assert "trained on the development users" in found.cautions[0]
