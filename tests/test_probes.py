"""Bias probes find the bias that is there, and no other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from probed_world import N_ITEMS, Asked, agent, lawful, log
from sklearn.metrics import roc_auc_score

from evals.bootstrap import Bootstrap
from evals.labelled import LabelledExposures
from evals.probes import Probes, probe
from prompts import load_template
from simulator.clicks import AgentClicks
from simulator.clicks.calibration import Temperature
from simulator.data import load_dataset
from simulator.domain import Exposures
from simulator.engines.scripted import ScriptedEngine
from simulator.errors import ConfigError, LabelError
from simulator.experiment import open_agent
from simulator.experiment.labelled import labelled_exposures
from simulator.experiment.split import split_log
from simulator.interfaces import LabelProbabilities, Prompt

QUICK = Bootstrap(replicates=300)


def asked(
    asker: AgentClicks, labelled: LabelledExposures | None = None, **settings: object
) -> Probes:
    others = [load_template("general/click-en")]
    return probe(asker, labelled or log(), others=others, bootstrap=QUICK, **settings)


def found(probes: Probes) -> set[str]:
    """The probes that say there is a bias: the interval off zero and the corrected p below 1%.

    Codes without categories leave this law nothing to go by, so that variant is left out.
    """
    table = probes.table[probes.table["variant"] != "codes alone"]
    off = (table["shift_low"] > 0) | (table["shift_high"] < 0)
    return set(table.loc[off & (table["p_corrected"] < 0.01), "probe"])


def test_an_agent_without_bias_is_found_without() -> None:
    probes = asked(agent(), trained_until=2000)
    assert found(probes) == set()
    changed = probes.table[probes.table["moved"].notna()].set_index("variant").drop("codes alone")
    unmoved = changed[["shift", "moved", "flipped", "auc_difference", "failures"]].to_numpy()
    assert (unmoved == 0).all()
    assert set(probes.table["probe"]) == {
        *("label swap", "example order", "example balance", "wording", "neutral titles"),
        *("positivity", "popularity", "position", "years"),
    }
    assert probes.table["users"].min() == 40
    assert len(probes.worst) > 0
    assert set(probes.worst["variant"]) == {"codes alone"}


def likes_a_word(question: Asked) -> float:
    return 0.0 if question.click in ("yes", "A", "1") else -0.2


def follows_the_last_example(question: Asked) -> float:
    return 0.2 if question.answers and question.answers[-1] else 0.0


def follows_the_majority(question: Asked) -> float:
    clicks = sum(question.answers)
    return 0.15 * np.sign(2 * clicks - len(question.answers))


def follows_the_layout(question: Asked) -> float:
    return -0.2 if "Suggestion:" in question.text else 0.0


def likes_titles_with_z(question: Asked) -> float:
    return 0.15 if "Zoo" in question.item else -0.15 if "Film" in question.item else 0.0


def is_friendly(_: Asked) -> float:
    return 0.2


@pytest.mark.parametrize(
    ("bias", "expected"),
    [
        (likes_a_word, {"label swap"}),
        (follows_the_last_example, {"example order", "example balance"}),
        (follows_the_majority, {"example balance"}),
        (follows_the_layout, {"wording"}),
        (is_friendly, {"positivity"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_planted_bias_is_found_by_its_probe_alone(
    bias: Callable[[Asked], float], expected: set[str]
) -> None:
    assert found(asked(agent(bias), trained_until=2000)) == expected


def test_a_liking_for_titles_moves_answers_both_ways() -> None:
    probes = asked(agent(likes_titles_with_z))
    row = probes.table.set_index("variant").loc["codes, categories kept"]
    assert found(probes) <= {"neutral titles"}  # half of the titles have it: the mean stays
    assert row["moved"] == pytest.approx(0.15)
    assert row["flipped"] == pytest.approx(0.15, abs=0.05)
    assert row["auc_low"] > 0  # without the titles the agent follows the law more closely
    others = probes.table[~probes.table["variant"].str.startswith("codes")]
    assert others["moved"].fillna(0).max() == 0


def knows_the_famous(question: Asked) -> float:
    return 0.5 * (question.number / N_ITEMS - 0.5) if question.number >= 0 else 0.0


def distrusts_new_films(question: Asked) -> float:
    if question.number < 0:
        return 0.0
    return 0.15 if question.number // 2 % 40 <= 20 else -0.15


def test_errors_that_rise_with_popularity_are_found() -> None:
    probes = asked(agent(knows_the_famous), trained_until=2000)
    row = probes.table[probes.table["probe"] == "popularity"].iloc[0]
    assert found(probes) == {"popularity"}
    assert row["shift_low"] < 0.45 < row["shift_high"]  # nine tenths of the catalogue apart


def test_errors_that_turn_with_the_items_year_are_found() -> None:
    table = asked(agent(distrusts_new_films), trained_until=2000).table.set_index("variant")
    after = table.loc["after 2000 against before"]
    assert after["shift_low"] < -0.3 < after["shift_high"]
    assert after["p_corrected"] < 0.01
    assert table.loc["newest against oldest", "p_corrected"] < 0.01
    assert table.loc["most against least popular", "p_corrected"] > 0.01
    without = asked(agent(distrusts_new_films))
    assert "after 2000 against before" not in set(without.table["variant"])


def test_a_place_that_users_follow_and_the_agent_does_not_know_is_found() -> None:
    def by_place(shown: Exposures, law: np.ndarray) -> np.ndarray:
        return law + 0.3 * (1.5 - shown.position) / 3

    probes = asked(agent(), log(by_place))
    row = probes.table.set_index("variant").loc["last against first"]
    assert found(probes) == {"position"}
    assert row["shift_low"] < 0.3 < row["shift_high"]


def test_a_pair_of_neutral_words_is_held_against_its_exchange() -> None:
    table = asked(agent(likes_a_word)).table.set_index("variant")
    swapped = table.loc["B to click, A to skip"]
    assert swapped["shift"] == pytest.approx(-0.2)
    assert "against A to click, B to skip" in swapped["note"]
    assert table.loc["A to click, B to skip", "shift"] == 0
    assert table.loc["no to click, yes to skip", "shift"] == pytest.approx(-0.2)


def test_a_template_of_neutral_words_is_swapped_once() -> None:
    asker = agent(likes_a_word)
    letters = AgentClicks(
        asker.engine, asker.template.with_labels("B", "A"), examples=asker.examples
    )
    table = asked(letters, exposures=100).table.set_index("variant")
    assert table.index[:3].tolist() == [
        "A to click, B to skip",
        "1 to click, 2 to skip",
        "2 to click, 1 to skip",
    ]
    assert table.loc["A to click, B to skip", ["shift", "note"]].tolist() == [
        pytest.approx(0.2),
        "",
    ]


def test_figures_by_hand() -> None:
    labelled = log()
    asker = agent(lambda question: 0.3 if "Suggestion:" in question.text else 0.0)
    probes = asked(asker, labelled)
    row = probes.table.set_index("variant").loc["other layout"]
    law = np.array([lawful(Asked(p.text)) for p in asker.prompts(labelled.shown)])
    assert (row["exposures"], row["shift"], row["moved"]) == (480, *[pytest.approx(0.3)] * 2)
    assert row["flipped"] == pytest.approx(0.3, abs=0.06)  # of even draws
    assert row["auc"] == pytest.approx(roc_auc_score(labelled.clicked, law))
    positive = probes.table[probes.table["probe"] == "positivity"].iloc[0]
    assert positive["shift"] == pytest.approx(law.mean() - labelled.clicked.mean())
    assert positive["auc"] == pytest.approx(row["auc"])


def test_a_calibrated_agent_is_probed_as_it_decides() -> None:
    table = asked(agent(follows_the_layout, calibration=Temperature(temperature=2.0))).table
    odds = np.array([0.65, 0.35, 0.45, 0.15]) / np.array([0.35, 0.65, 0.55, 0.85])
    bright, dark, bright_moved, dark_moved = np.sqrt(odds) / (1 + np.sqrt(odds))
    share = (log().shown.item % 2).mean()
    shift = share * (bright_moved - bright) + (1 - share) * (dark_moved - dark)
    row = table.set_index("variant").loc["other layout"]
    assert row["shift"] == pytest.approx(shift, abs=1e-6)


def test_argmax_decisions_flip_at_one_half() -> None:
    asker = agent(lambda question: 0.2 if "Suggestion:" in question.text else 0.0, mode="argmax")
    row = asked(asker).table.set_index("variant").loc["other layout"]
    dark = (log().shown.item % 2 == 0).mean()
    assert row["flipped"] == pytest.approx(dark)  # 0.35 becomes 0.55, 0.65 stays above


def test_the_same_seed_finds_the_same_and_a_sample_says_so() -> None:
    one, two = (asked(agent(likes_titles_with_z), exposures=200, seed=4) for _ in range(2))
    pd.testing.assert_frame_equal(one.table, two.table)
    pd.testing.assert_frame_equal(one.worst, two.worst)
    assert one.table["exposures"].max() == 200
    assert "The probes ask about 200 of 480 exposures, by seed." in one.cautions
    assert one.worst["row"].max() >= 200  # rows of the whole log


def test_the_worst_are_those_that_moved_most() -> None:
    worst = asked(agent(likes_titles_with_z)).worst
    gap = (worst["probability_variant"] - worst["probability"]).abs()
    assert worst["variant"].iloc[:2].tolist() == ["codes alone", "codes, categories kept"]
    assert gap.iloc[:2].tolist() == pytest.approx([0.45, 0.15])  # 0.8 becomes 0.35, or 0.65
    for _, one in gap.groupby(worst["variant"]):
        assert one.is_monotonic_decreasing
        assert len(one) == 20
    assert not worst.duplicated(["probe", "variant", "row"]).any()


def test_failures_are_counted_and_left_out() -> None:
    asker = agent()
    assert isinstance(asker.engine, ScriptedEngine)
    asker.engine.failure = lambda text: (
        "timed out" if "Imagine" in text or ("Suggestion:" in text and "Zoo" in text) else ""
    )
    asker.engine.mass = lambda text: 0.1 if "Film 7" in text.splitlines()[-2] else 1.0
    probes = asked(asker)
    table = probes.table.set_index("variant")
    lost = table.loc["as is, against the log", "failures"]
    assert 0 < lost < 100
    assert table.loc["reversed", ["failures", "exposures"]].tolist() == [lost, 480 - lost]
    some = table.loc["other layout"]
    assert lost < some["failures"] < 480
    assert some["exposures"] == 480 - some["failures"]
    reason = f"other layout: {some['failures']} of 480 decisions failed, such as: timed out."
    assert any(reason in caution for caution in probes.cautions)
    assert "other words" not in table.index
    reason = "other words: not asked further, since all of the first 64 decisions failed, such as: "
    assert any(reason in caution for caution in probes.cautions)
    assert any(c.startswith(f"{lost} of 480 decisions failed as they are") for c in probes.cautions)


def test_an_agent_without_examples_has_no_order_to_change() -> None:
    asker = agent()
    bare = AgentClicks(asker.engine, asker.template)
    probes = asked(bare)
    assert not {"example order", "example balance"} & set(probes.table["probe"])
    assert any("shows no examples" in caution for caution in probes.cautions)


class OnlyYes(ScriptedEngine):
    """Knows no word but yes and no."""

    def label_probabilities(
        self,
        prompts: list[Prompt],
        labels: list[str],
    ) -> LabelProbabilities:
        if "A" in labels:
            raise LabelError("Label 'A' is 2 tokens.")
        return super().label_probabilities(prompts, labels)


def test_labels_that_the_model_cannot_answer_with_are_told_not_fatal() -> None:
    asker = agent()
    probes = asked(AgentClicks(OnlyYes(0.4), asker.template, examples=asker.examples))
    assert sum("not asked. Label 'A' is 2 tokens." in caution for caution in probes.cautions) == 1
    swaps = probes.table[probes.table["probe"] == "label swap"]
    assert swaps["variant"].tolist() == [
        "no to click, yes to skip",
        "1 to click, 2 to skip",
        "2 to click, 1 to skip",
    ]


def test_what_cannot_be_probed_is_refused() -> None:
    with pytest.raises(ConfigError, match='mode="text" gives none'):
        asked(agent(mode="text"))
    asker = agent()
    assert isinstance(asker.engine, ScriptedEngine)
    asker.engine.mass = 0.0
    with pytest.raises(
        ConfigError, match=r"answered none of the first 64 .*first failure: label mass below"
    ):
        asked(asker)


def test_progress_is_told_of_every_variant() -> None:
    told: list[int] = []
    probes = asked(agent(), exposures=100, progress=lambda answers: told.append(len(answers)))
    assert sum(told) == 100 * (1 + probes.table["moved"].notna().sum())


@pytest.mark.slow
def test_the_pocket_agent_answers_to_yes_and_no_and_to_no_other_words() -> None:
    data = load_dataset("demo")
    split = split_log(data)
    held_out = labelled_exposures(data, split.judging, split.early)
    with open_agent("pocket", domain="movies", engine="transformers", cache="none") as pocket:
        probes = probe(pocket, held_out, others=(), exposures=150, bootstrap=QUICK)
    table = probes.table.set_index("variant")
    assert table.loc["as is, against the log", "auc"] > 0.7
    assert table.loc["no to click, yes to skip", "auc"] < 0.35  # it goes on meaning yes by yes
    assert table.loc["codes alone", "auc"] < 0.65
    assert abs(table.loc["reversed", "shift"]) < 0.02
    told = "A to click, B to skip: not asked further, since all of the first 64 decisions failed"
    assert any(told in caution for caution in probes.cautions)
    assert table["failures"].sum() == 0
