"""Headline tests: a tiny copy, ways to spoil it, and how click models are held to them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency, spearmanr

from evals.bootstrap import Bootstrap, holm
from evals.headline_pairs import HeadlinePairs, rank_correlations
from evals.headline_words import scores_by_words
from evals.headlines import (
    CEILING,
    LONGER,
    WORDS,
    headline_exposures,
    judge_headline_answers,
    judge_headlines,
)
from simulator.data import (
    data_home,
    dataset_spec,
    load_dataset,
    load_headline_tests,
    load_upworthy,
)
from simulator.data.upworthy import UPWORTHY, HeadlineTests
from simulator.domain import Clicks
from simulator.errors import DataError, UnknownNameError

COLUMNS = "clickability_test_id\theadline\timpressions\tclicks\ttest_week\teyecatcher_id"
ROWS = [
    ("t2", "Second one", 100, 1, 201446, "dog"),
    ("t1", "Shorter", 1000, 30, 201446, "cat"),
    ("t1", "A longer headline", 1000, 60, 201447, "cat"),
    ("t1", " Shorter", 500, 15, 201446, "cat"),
    ("t1", "Shorter", 1000, 50, 201446, "sun"),
    ("t1", '"A ""quoted"" one"', 10, 0, 201446, "cat"),
    ("t1", "No image", 10, 0, 201446, ""),
    ("t0", "Faulty", 10, 0, 201325, "cat"),
    ("t0", "Faulty too", 10, 0, 201402, "cat"),
]


def write(folder, rows=ROWS, columns=COLUMNS, name="packages.tsv"):
    text = "".join("\t".join(map(str, row)) + "\n" for row in [columns.split("\t"), *rows])
    (folder / name).write_text(text if name.endswith(".tsv") else text.replace("\t", ","))
    return folder


def test_packages_that_looked_alike_are_counted_together(tmp_path):
    tests = load_headline_tests(write(tmp_path))
    assert tests.test_ids == ["t1", "t2"]
    assert tests.titles == [
        'A "quoted" one',
        "A longer headline",
        "Shorter",
        "Shorter",
        "Second one",
    ]
    assert tests.test.tolist() == [0, 0, 0, 0, 1]
    assert tests.group.tolist() == [0, 0, 0, 1, 2]
    assert tests.impressions.tolist() == [10, 1000, 1500, 1000, 100]
    assert tests.clicks.tolist() == [0, 60, 45, 50, 1]
    assert tests.week.tolist() == [201446, 201447, 201446, 201446, 201446]
    assert tests.source["merged"].startswith("1 packages")
    assert tests.source["dropped"].startswith("1 packages without an image id, 2 packages of ")


def test_the_publishers_csv_reads_alike(tmp_path):
    columns = COLUMNS.replace("headline", "excerpt\theadline")
    rows = [(row[0], "", *row[1:]) for row in ROWS]
    write(tmp_path, rows, columns, "some-packages-03.12.2020.csv")
    tests = load_headline_tests(tmp_path, file="some-packages-03.12.2020.csv")
    assert tests.clicks.tolist() == [0, 60, 45, 50, 1]
    with pytest.raises(DataError, match=r"Missing packages\.tsv"):
        load_headline_tests(tmp_path)


@pytest.mark.parametrize(
    ("row", "column", "cause"),
    [
        (("t1", "Yes", 0, 0, 201446, "cat"), "impressions", "'0' is not in 1"),
        (("t1", "Yes", 10, 11, 201446, "cat"), "clicks", "11 clicks of 10 impressions"),
        (("t1", "Yes", 10, -1, 201446, "cat"), "clicks", "'-1' is not in 0"),
        (("t1", " ", 10, 1, 201446, "cat"), "headline", "Empty"),
        (("", "Yes", 10, 1, 201446, "cat"), "clickability_test_id", "name the test"),
        (("t1", "Yes", 10, 1, "week 3", "cat"), "test_week", "not a whole number"),
    ],
)
def test_each_fault_names_its_place(tmp_path, row, column, cause):
    with pytest.raises(DataError) as error:
        load_headline_tests(write(tmp_path, [ROWS[0], row]))
    assert f"packages.tsv, line 3, column '{column}'" in str(error.value)
    assert cause in str(error.value)


def test_a_missing_column_and_an_empty_rest_are_named(tmp_path):
    with pytest.raises(UnknownNameError, match="eyecatcher_id"):
        load_headline_tests(write(tmp_path, columns=COLUMNS.replace("eyecatcher_id", "picture")))
    with pytest.raises(DataError, match="No package with an image is left"):
        load_headline_tests(write(tmp_path, ROWS[-3:]))


def test_they_are_known_among_the_data_sets_but_are_none(tmp_path):
    (tmp_path / "upworthy").mkdir()
    write(tmp_path / "upworthy")
    assert dataset_spec("upworthy").is_present(tmp_path)
    assert len(load_upworthy(tmp_path)) == 5
    with pytest.raises(DataError, match="nudgesim compare --data upworthy"):
        load_dataset("upworthy", home=tmp_path)


def headline_tests(counts, titles=None):
    """Groups of (clicks, impressions), a test and an image each."""
    group = np.repeat(np.arange(len(counts)), [len(part) for part in counts])
    clicks, seen = np.array([pair for part in counts for pair in part]).T
    return HeadlineTests(
        test_ids=[f"t{k}" for k in range(len(counts))],
        titles=titles or [f"Headline {'x' * k}" for k in range(len(group))],
        test=group,
        group=group,
        impressions=seen,
        clicks=clicks,
        week=np.full(len(group), 201446),
        source={},
    )


COUNTS = [
    [(60, 1000), (30, 1000), (58, 1000)],
    [(10, 500), (40, 500)],
    [(5, 100)],
    [(0, 50), (0, 60)],
]


def test_pairs_and_their_two_proportion_test():
    pairs = HeadlinePairs.of(headline_tests(COUNTS))
    found = {
        (int(a), int(b)): p for a, b, p in zip(pairs.first, pairs.second, pairs.p, strict=True)
    }
    assert set(found) == {(0, 1), (2, 1), (0, 2), (4, 3), (6, 7)}
    for (a, b), (x, m, y, n) in {(0, 1): (60, 1000, 30, 1000), (4, 3): (40, 500, 10, 500)}.items():
        expected = chi2_contingency([[x, m - x], [y, n - y]], correction=False).pvalue
        assert found[a, b] == pytest.approx(expected, rel=1e-9)
    assert found[6, 7] == 1


def test_rank_correlations_are_scipys():
    generator = np.random.default_rng(3)
    counts = [
        [(int(c), 1000) for c in generator.integers(5, 9, size)] for size in (5, 7, 2, 4, 3)
    ] + [[(5, 1000)] * 3]
    tests = headline_tests(counts)
    score = generator.integers(0, 4, len(tests)).astype(float)
    score[tests.group == 4] = 1.0
    known = np.ones(len(tests), dtype=bool)
    known[6] = False
    rho, test = rank_correlations(score, tests, known)
    # Two headlines are too few, and the last group has one click rate.
    assert test.tolist() == [0, 1, 3, 4]
    for value, k in zip(rho[:3], test[:3], strict=True):
        rows = known & (tests.group == k)
        expected = spearmanr(score[rows], tests.clicks[rows]).statistic
        assert value == pytest.approx(expected)
    assert rho[3] == 0


class Asked:
    """Answers with given probabilities, and keeps what it was asked."""

    def __init__(self, probability):
        self.probability = np.asarray(probability, dtype=np.float32)

    def decide(self, shown):
        self.shown = shown
        return Clicks.of(shown.draw < 0.5, source="asked", probability=self.probability)


def value(judgement, model, measure):
    rows = judgement.measures.set_index(["model", "measure"])
    return rows.loc[(model, measure)]


def test_a_model_is_held_to_what_people_clicked():
    tests = headline_tests(COUNTS)
    right = Asked(tests.clicks / tests.impressions)
    half = Asked([0.1, 0.1, 0.2, 0.5, 0.4, 0.3, 0.2, 0.1])
    judgement = judge_headlines({"right": right, "half": half}, tests, bootstrap=Bootstrap(50))
    # Clearly different: 0 over 1, 2 over 1, 4 over 3. `half` ties, is right, is wrong.
    assert value(judgement, "half", "ordered")["value"] == pytest.approx(1.5 / 3)
    # And 0 over 2, which `half` has the other way; 6 and 7 do not differ at all.
    assert value(judgement, "half", "ordered_all")["value"] == pytest.approx(1.5 / 4)
    assert value(judgement, "half", "ordered_all")["pairs"] == 4
    assert value(judgement, "half", "ordered_all")["tests"] == 2
    assert value(judgement, "right", "ordered_all")["value"] == 1
    assert value(judgement, "right", "spearman")["value"] == pytest.approx(1)
    # Longer headlines come later here: 2 over 1 and 4 over 3 are right.
    assert value(judgement, LONGER, "ordered")["value"] == pytest.approx(2 / 3)
    assert 0.975 < value(judgement, CEILING, "ordered")["value"] < 1
    assert judgement.models == ("right", "half", LONGER, WORDS)
    rows = judgement.differences.set_index(["model", "base", "measure"])["difference"]
    assert rows[("right", LONGER, "ordered")] == pytest.approx(1 / 3)
    assert judgement.cautions[0].startswith("3 of 4 pairs differ at p < 0.05")
    assert right.shown.history.lengths.max() == 0
    assert right.shown.catalogue.titles == tests.titles


def test_what_was_asked_elsewhere_is_judged_alike():
    tests = headline_tests(COUNTS)
    generator = np.random.default_rng(1)
    model = Asked(generator.random(len(tests)))
    asked = judge_headlines({"m": model}, tests, bootstrap=Bootstrap(30))
    answers = {"m": model.decide(headline_exposures(tests)).probability}
    told = judge_headline_answers(answers, tests, bootstrap=Bootstrap(30))
    pd.testing.assert_frame_equal(asked.measures, told.measures)


def test_headlines_alone_in_their_group_need_not_be_asked():
    tests = headline_tests(COUNTS)
    fewer = tests.contested()
    assert fewer.test_ids == ["t0", "t1", "t3"]
    assert (fewer.test.tolist(), len(tests) - len(fewer)) == ([0, 0, 0, 1, 1, 2, 2], 1)
    assert fewer.group.tolist() == [0, 0, 0, 1, 1, 2, 2]
    rate = tests.clicks / tests.impressions
    some = fewer.clicks / fewer.impressions
    whole = judge_headline_answers({"m": rate}, tests, bootstrap=Bootstrap(20)).measures
    part = judge_headline_answers({"m": some}, fewer, bootstrap=Bootstrap(20)).measures
    pd.testing.assert_frame_equal(part[part.model == "m"], whole[whole.model == "m"])


def test_unanswered_headlines_are_left_out_for_all():
    tests = headline_tests(COUNTS)
    probability = tests.clicks / tests.impressions
    some = probability.copy()
    some[0] = np.nan
    models = {"all": Asked(probability), "some": Asked(some)}
    judgement = judge_headlines(models, tests, bootstrap=Bootstrap(20))
    assert value(judgement, "all", "ordered_all")["pairs"] == 2
    assert "1 of 8 headlines are left out" in judgement.cautions[1]


def test_nothing_to_order_is_said():
    tests = headline_tests([[(5, 100)], [(2, 50), (4, 100)]])
    with pytest.raises(DataError, match="nothing to order"):
        judge_headlines({"m": Asked([0.1, 0.2, 0.3])}, tests)


def test_intervals_resample_tests():
    generator = np.random.default_rng(5)
    tests = headline_tests([[(80, 1000), (20, 1000)]] * 100)
    right = np.repeat(generator.random(100) < 0.7, 2)
    first = np.arange(200) % 2 == 0
    model = Asked(np.where(first == right, 0.8, 0.2))
    row = value(judge_headlines({"m": model}, tests), "m", "ordered")
    share = right.mean()
    assert row["value"] == pytest.approx(share)
    spread = 1.96 * np.sqrt(share * (1 - share) / 100)
    assert row["low"] == pytest.approx(share - spread, abs=0.02)
    assert row["high"] == pytest.approx(share + spread, abs=0.02)


def test_words_are_learnt_from_other_tests():
    titles = [f"{word} number {k} of them" for k in range(40) for word in ("Wonderful", "Plain")]
    tests = headline_tests([[(90, 1000), (30, 1000)]] * 40, titles)
    score = scores_by_words(tests)
    assert (score[::2] > score[1::2]).all()
    np.testing.assert_array_equal(score, scores_by_words(tests))
    # Learnt from others alone: in a test whose word occurs nowhere else, both score alike.
    odd = [*titles[:-2], "Strange number 39 of them", "Other number 39 of them"]
    last = scores_by_words(headline_tests([[(90, 1000), (30, 1000)]] * 40, odd))[-2:]
    assert last[0] == pytest.approx(last[1])


@pytest.mark.realdata
def test_the_real_tests_have_their_counts():
    folder = data_home() / UPWORTHY.folder
    if UPWORTHY.missing_from(folder):
        pytest.skip("Upworthy's tests are not at hand; set NUDGESIM_DATA")
    tests = load_headline_tests(folder)
    assert len(tests) + 1_589 + 18 == 10_903
    assert len(tests.test_ids) == 2_257
    assert not ((tests.week >= 201325) & (tests.week <= 201402)).any()
    pairs = HeadlinePairs.of(tests)
    assert (len(pairs), int((pairs.p < 0.05).sum())) == (10_383, 2_879)


def test_findings_say_what_is_luck_and_what_beats_the_baselines() -> None:
    from evals.headlines import CEILING, LONGER, WORDS, HeadlineJudgement
    from evals.wording.headline_tests import ordered

    levels = {
        "lucky": (0.51, 0.48, 0.54),
        "knowing": (0.66, 0.63, 0.69),
        LONGER: (0.55, 0.53, 0.57),
    }
    levels |= {WORDS: (0.62, 0.59, 0.64), CEILING: (0.99, 0.99, 0.99)}
    measures = pd.DataFrame(
        [(name, "ordered", *level, 2000, 500) for name, level in levels.items()],
        columns=["model", "measure", "value", "low", "high", "pairs", "tests"],
    )
    gaps = [("knowing", LONGER, 0.08), ("knowing", WORDS, -0.01), ("lucky", LONGER, -0.06)]
    differences = pd.DataFrame(
        [
            (model, base, "ordered", low + 0.02, low, low + 0.04, 0.01 if low > 0 else 0.4)
            for model, base, low in gaps
        ],
        columns=["model", "base", "measure", "difference", "low", "high", "p_corrected"],
    )
    found = HeadlineJudgement(("lucky", "knowing", LONGER, WORDS), {}, measures, differences, ())
    lucky, knowing, beside = ordered(found)
    assert "0.510 [0.480, 0.540] of 2,000 pairs" in lucky
    assert lucky.endswith("cannot be told from luck.")
    assert knowing.endswith(f"better than luck, and more than {LONGER}.")
    assert "words (fitted) 0.620" in beside
    unsure = replace(found, differences=differences.assign(p_corrected=0.06))
    assert ordered(unsure)[1].endswith("better than luck, and beats no baseline.")
    one_test = replace(found, measures=measures.assign(low=np.nan, high=np.nan, tests=1))
    assert all(text.endswith("cannot be told from luck.") for text in ordered(one_test)[:2])


def test_where_no_pair_differs_clearly_nothing_is_called_better_than_luck() -> None:
    from evals.wording.headline_tests import ordered

    tests = headline_tests([[(5, 100), (6, 100)], [(7, 100), (8, 100)]])
    found = judge_headlines({"m": Asked([0.1, 0.2, 0.3, 0.4])}, tests, bootstrap=Bootstrap(20))
    assert ordered(found) == [
        "No pair of headlines differs clearly enough to tell whether m orders it."
    ]


def test_one_test_of_headlines_has_no_interval() -> None:
    tests = headline_tests([[(5, 100), (60, 100)], [(8, 100), (8, 100)]])
    found = judge_headlines({"m": Asked([0.1, 0.2, 0.3, 0.4])}, tests, bootstrap=Bootstrap(20))
    assert value(found, "m", "ordered")["value"] == 1
    assert np.isnan(value(found, "m", "ordered")[["low", "high"]].to_numpy(dtype=float)).all()
    assert found.differences[["low", "high", "p", "p_corrected"]].isna().all(axis=None)


def test_differences_to_the_baselines_are_corrected_together() -> None:
    generator = np.random.default_rng(5)
    tests = headline_tests([[(80, 1000), (20, 1000)]] * 100)
    score = np.where(np.arange(200) % 2 == 0, 0.8, 0.2) * (generator.random(200) < 0.9)
    table = judge_headlines({"m": Asked(score)}, tests, bootstrap=Bootstrap(200)).differences
    known = table["p"].notna()
    assert known.any()
    assert (table["p_corrected"][known] >= table["p"][known]).all()
    np.testing.assert_array_equal(table["p_corrected"], holm(table["p"].to_numpy()))
