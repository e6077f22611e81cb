"""Runs of the real loop, side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from evals import compare, flipped, render_table, to_latex, to_markdown
from evals.agreement import on_shared_exposures
from evals.bootstrap import Bootstrap
from evals.tables import number
from recommender import RandomItems
from simulator.clicks import DistributionClicks
from simulator.domain import Clicks, Dataset, Exposures, Vectors
from simulator.errors import ConfigError, UnknownNameError
from simulator.runlog import Run
from simulator.session import simulate

QUICK = Bootstrap(replicates=200)
EAGER, SHY = DistributionClicks(w=4.0, b=-0.2), DistributionClicks(w=4.0, b=0.6)


class Unlucky:
    """Fails in one row of four, and the distribution model decides there."""

    def decide(self, shown: Exposures) -> Clicks:
        clicks = EAGER.decide(shown)
        failed = shown.user % 4 == 0
        clicks.failure[failed] = "timed out | <script>"
        clicks.source[~failed] = "agent"
        return clicks


def run_with(
    data: Dataset, vectors: Vectors, clicks: object = EAGER, name: str = "eager", **settings: Any
) -> Run:
    options = {
        "recommender": RandomItems(),
        "rounds": 6,
        "targets": np.array([3, 9, 11]),
        "vectors": vectors,
        **settings,
    }
    run = simulate(data, clicks=clicks, **options)
    return replace(run, manifest={**run.manifest, "name": name})


def test_the_louder_model_wins_and_the_difference_is_paired(
    data: Dataset, vectors: Vectors
) -> None:
    shy, eager = run_with(data, vectors, SHY, "shy"), run_with(data, vectors)
    found = compare([shy, eager], bootstrap=QUICK)
    rate = found.differences.set_index("metric").loc["click_rate"]
    gap = eager.exposures["clicked"].mean() - shy.exposures["clicked"].mean()
    assert rate["run"] == "eager"
    assert rate["difference"] == pytest.approx(gap)
    assert 0 < rate["low"] < gap < rate["high"]
    assert rate["p"] <= rate["p_corrected"] < 0.001
    assert set(found.levels["metric"]) >= {"HR@5", "IoI@5", "IoR@5", "mean_probability"}
    curve = found.curves.query("run == 'eager' and metric == 'IoI'")
    assert curve["round"].tolist() == [1, 2, 3, 4, 5, 6]


def test_a_run_differs_from_itself_by_nothing(data: Dataset, vectors: Vectors) -> None:
    run = run_with(data, vectors)
    found = compare([run, run], bootstrap=QUICK)
    assert found.names == ("eager", "eager (2)")
    assert (found.differences[["difference", "low", "high"]] == 0).all(axis=None)
    shared = found.agreement.iloc[0]
    assert (shared["kind"], shared["agreement"], shared["share"]) == ("shared", 1.0, 1.0)


def test_one_run_alone_has_levels_and_no_differences(data: Dataset, vectors: Vectors) -> None:
    found = compare([run_with(data, vectors)], bootstrap=QUICK)
    assert found.differences.empty
    assert found.agreement.empty
    assert "HR@5" in to_markdown(found)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"seed": 1}, "seed"),
        ({"users": np.arange(20)}, "users"),
        ({"targets": np.array([3, 9, 12])}, "targets"),
    ],
)
def test_unpaired_runs_are_refused_by_the_field_that_differs(
    data: Dataset, vectors: Vectors, settings: dict[str, Any], field: str
) -> None:
    first, other = run_with(data, vectors), run_with(data, vectors, **settings)
    with pytest.raises(ConfigError, match=f"not paired: {field} differs"):
        compare([first, other])
    # Without a configuration in the manifest the rows themselves tell.
    bare = [Run({}, run.episodes, run.exposures, {}) for run in (first, other)]
    with pytest.raises(ConfigError, match=f"not paired: .*{field}.* differs"):
        compare(bare)


def test_other_data_is_refused(data: Dataset, vectors: Vectors) -> None:
    first = run_with(data, vectors)
    with pytest.raises(ConfigError, match=r"data differs .*small.*other"):
        compare([first, run_with(replace(data, name="other"), vectors)])
    with pytest.raises(ConfigError, match="other data files"):
        compare(
            [
                replace(first, manifest={**first.manifest, "source": {"sha256": "1"}}),
                replace(first, manifest={**first.manifest, "source": {"sha256": "2"}}),
            ]
        )
    with pytest.raises(ConfigError, match="at least one run"):
        compare([])


def test_runs_of_unequal_length_are_refused_unless_asked_for_what_they_share(
    data: Dataset, vectors: Vectors
) -> None:
    short, long = run_with(data, vectors, rounds=3), run_with(data, vectors, rounds=6)
    with pytest.raises(ConfigError, match=r"number of rounds differs .*3.*6.*--shared"):
        compare([short, long], bootstrap=QUICK)
    found = compare([short, long], shared=True, bootstrap=QUICK)
    assert found.rounds == 3
    assert (found.differences["difference"] == 0).all()
    assert any("first 3 rounds" in caution for caution in found.cautions)


def test_other_users_and_other_luck_are_compared_where_they_overlap(
    data: Dataset, vectors: Vectors
) -> None:
    whole = run_with(data, vectors)
    some = run_with(data, vectors, users=np.arange(5, 20))
    found = compare([whole, some], shared=True, bootstrap=QUICK)
    assert sorted(found.runs[0].episodes["user"].unique()) == list(range(5, 20))
    assert set(found.runs[0].exposures["user"]) == set(range(5, 20))
    assert (found.differences["difference"] == 0).all()
    assert any(f"Only the {len(some.episodes)} episodes" in caution for caution in found.cautions)
    other = compare([whole, run_with(data, vectors, seed=1)], shared=True, bootstrap=QUICK)
    assert any("other luck" in caution for caution in other.cautions)
    assert (other.differences["difference"] != 0).any()


def test_runs_that_share_nobody_are_refused(data: Dataset, vectors: Vectors) -> None:
    first = run_with(data, vectors, users=np.arange(5))
    second = run_with(data, vectors, users=np.arange(5, 10))
    with pytest.raises(ConfigError, match="share no user"):
        compare([first, second], shared=True, bootstrap=QUICK)
    elsewhere = run_with(replace(data, name="other"), vectors)
    with pytest.raises(ConfigError, match="no user in common"):
        compare([first, elsewhere], shared=True, bootstrap=QUICK)


def test_cautions_say_when_vectors_or_users_rules_differ(data: Dataset, vectors: Vectors) -> None:
    class Loyal:
        def kept_weight(self, view: Any) -> np.ndarray:
            return np.full(len(view), 0.95, dtype=np.float32)

    first = run_with(data, vectors)
    rule = compare([first, run_with(data, vectors, evolution=Loyal())], bootstrap=QUICK)
    assert any("Loyal" in caution for caution in rule.cautions)
    turned = Vectors(vectors.user[:, ::-1].copy(), vectors.item)
    space = compare([first, run_with(data, turned)], bootstrap=QUICK)
    assert any("different vectors" in caution for caution in space.cautions)
    assert compare([first, first], bootstrap=QUICK).cautions == ()


def test_agreement_with_the_model_beside(data: Dataset, vectors: Vectors) -> None:
    run = run_with(data, vectors, beside={"shy": SHY, "twin": EAGER})
    table = compare([run], bootstrap=QUICK).agreement.set_index("other")
    same = run.exposures["clicked"] == run.exposures["shy:clicked"]
    assert table.loc["shy", "agreement"] == pytest.approx(same.mean())
    assert table.loc["shy", "click_rate"] > table.loc["shy", "click_rate_other"]
    assert table.loc["twin", ["agreement", "kappa"]].tolist() == [1.0, 1.0]


def test_shared_exposures_are_the_ones_shown_in_both(data: Dataset, vectors: Vectors) -> None:
    first, other = run_with(data, vectors), run_with(data, vectors, SHY)
    # From round 3 on the other run shows something else in every row.
    late = other.exposures["round"] > 2
    moved = other.exposures.assign(item=other.exposures["item"] + 1000 * late)
    shared = on_shared_exposures(first, replace(other, exposures=moved))
    early = first.exposures[~late]
    assert shared["item"].tolist() == early["item"].tolist()
    assert shared["clicked"].tolist() == early["clicked"].tolist()
    assert shared["clicked_other"].tolist() == other.exposures["clicked"][~late].tolist()


def test_flipped_decisions_come_worst_first_and_with_titles(
    data: Dataset, vectors: Vectors
) -> None:
    run = run_with(data, vectors, beside={"shy": SHY})
    table = flipped(run, "shy", 5, data.catalogue.titles)
    assert len(table) == 5
    assert (table["clicked"] != table["clicked_other"]).all()
    assert table["gap"].is_monotonic_decreasing
    between = (table["draw"] >= table["probability_other"]) & (table["draw"] < table["probability"])
    assert between.all()
    assert table["title"].tolist() == [f"Film {item}" for item in table["item"]]
    with pytest.raises(UnknownNameError, match="Did you mean 'shy'"):
        flipped(run, "shi")


def test_failures_and_cost_are_told(data: Dataset, vectors: Vectors) -> None:
    run = run_with(data, vectors, Unlucky(), "agent")
    run = replace(run, cost={"decisions": 540.0, "seconds": 2.0, "prompt_tokens": 9000.0})
    found = compare([run_with(data, vectors), run], bootstrap=QUICK)
    failure = found.failures.iloc[0]
    assert (failure["run"], failure["count"]) == ("agent", int(540 * 8 / 30))
    assert found.cost.loc["agent", "decisions_per_second"] == 270
    assert found.sources.query("run == 'agent'")["share"].sum() == pytest.approx(1)


def test_tables_fit_a_terminal_and_escape_what_others_wrote(
    data: Dataset, vectors: Vectors
) -> None:
    runs = [run_with(data, vectors), run_with(data, vectors, Unlucky(), "agent_[bold]")]
    found = compare(runs, bootstrap=QUICK)
    console = Console(width=100, record=True, file=None, quiet=False)
    with console.capture() as capture:
        console.print(*render_table(found))
    text = capture.get()
    assert "agent_[bold]" in text
    assert "IoR@5" in text
    assert "timed out \\| &lt;script>" in to_markdown(found)
    assert r"agent\_[bold]" in to_latex(found)
    assert to_latex(found).count(r"\begin{tabular}") == to_latex(found).count(r"\end{tabular}")


def test_a_metric_of_your_own_is_compared(data: Dataset, vectors: Vectors) -> None:
    def variety(run: Run) -> pd.Series[float]:
        return run.exposures.groupby("user")["item"].nunique().astype(float)

    runs = [run_with(data, vectors), run_with(data, vectors, SHY, "shy")]
    found = compare(runs, [variety], bootstrap=QUICK)
    assert "variety" in set(found.differences["metric"])


def test_numbers_are_written_for_readers() -> None:
    assert number(-0.0004, 3) == "0.000"
    assert number(-0.0004, 3, signed=True) == "0.000"
    assert number(0.5, 3, signed=True) == "+0.500"
    assert number(-12.34, 1) == "−12.3"
    assert number(float("nan"), 3) == "–"
