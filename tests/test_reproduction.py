"""Tables made again: their numbers are the runs', and a second command plays nothing."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from reproduction_worlds import Watcher, cache, played, settings, silent, tables

from evals.metrics import per_user
from evals.targets import estimate, paired_estimate, per_target
from simulator.cli import main
from simulator.errors import ConfigError, RunError, UnknownNameError
from simulator.reproduction import ReproductionSettings, reproduce
from simulator.reproduction.methods import TABLE_3, TABLE_4, Method
from simulator.reproduction.published import DATASETS, published_counts, published_table
from simulator.runlog import Run

__all__ = ["cache", "played", "settings", "tables"]


def test_the_numbers_are_the_runs(played: ReproductionSettings) -> None:
    numbers = pd.read_csv(played.folder / "table4.csv")
    assert set(numbers["protocol"]) == {"fair", "paper"}
    for (protocol, method), rows in numbers.groupby(["protocol", "method"]):
        run = Run.load(played.folder / str(protocol) / f"{str(method).lower()}-seed0")
        figures = per_user(run).mean()
        ours = rows.set_index(rows["metric"] + "@" + rows["P"].astype(str))["ours"]
        assert list(ours.index) == ["HR@5", "IoI@5", "IoR@5"]
        np.testing.assert_allclose(ours, figures[ours.index], rtol=1e-6, atol=1e-9)
        assert (rows["targets"] == 3).all()
        assert (rows["low"] < rows["ours"]).all()
    fair_ipg = numbers[(numbers["protocol"] == "fair") & (numbers["method"] == "IPG")]
    base = numbers[(numbers["protocol"] == "fair") & (numbers["method"] == "ITMPRec")]
    np.testing.assert_allclose(
        fair_ipg["to_itmprec"], fair_ipg["ours"].to_numpy() - base["ours"].to_numpy(), atol=1e-9
    )
    # Under `paper` IPG has targets of its own, which nothing can be paired with.
    assert numbers[numbers["protocol"] == "paper"]["to_itmprec"].isna().all()


def test_differences_to_the_published_figures(
    settings: ReproductionSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DATASETS, settings.data, "ML-100k")
    exhibit = reproduce("table4", settings, silent, Watcher())
    numbers = exhibit.numbers["table4"]
    row = numbers[(numbers["method"] == "IPG") & (numbers["metric"] == "IoI")].iloc[0]
    assert row["published"] == 0.1520
    assert row["difference"] == pytest.approx(row["ours"] - 0.1520)
    cells = exhibit.summary.cells
    assert cells.loc[("published", "IPG"), "IoI@5"] == "0.152"
    assert cells.loc[("fair", "IPG"), "IoI@5"].startswith(f"{row['ours']:.3f}".replace("-", "−"))
    assert any("Not the paper's data: here 16 users" in line for line in exhibit.caption)


def test_a_second_command_plays_only_what_is_missing(settings: ReproductionSettings) -> None:
    first = (settings.folder / "table4.csv").read_bytes()
    again = Watcher()
    reproduce("table4", settings, silent, again)
    assert again.titles == []
    assert (settings.folder / "table4.csv").read_bytes() == first
    # One run was interrupted before its summary, another before it began.
    (settings.folder / "fair" / "ipg-seed0" / "summary.json").unlink()
    shutil.rmtree(settings.folder / "paper" / "itmprec-seed0")
    more = Watcher()
    reproduce("table4", settings, silent, more)
    assert more.titles == ["1/2 fair · ipg-seed0", "2/2 paper · itmprec-seed0"]
    assert more.decisions == 3 * 12 * 5
    assert (settings.folder / "table4.csv").read_bytes() == first


def test_runs_of_other_settings_are_not_taken_for_ours(settings: ReproductionSettings) -> None:
    with pytest.raises(RunError, match=r"targets = 3, not 2.*--out"):
        reproduce("table4", replace(settings, targets=2), silent, Watcher())


def test_latex_is_whole_and_as_wide_as_it_says(settings: ReproductionSettings) -> None:
    reproduce("table3", replace(settings, methods=None, protocols=("fair",)), silent, Watcher())
    text = (settings.folder / "table3.tex").read_text(encoding="utf-8")
    for environment in ("table", "tabular"):
        opened, closed = (text.count(rf"\{word}{{{environment}}}") for word in ("begin", "end"))
        assert opened == closed > 3
    assert text.count("{") == text.count("}")
    assert text.isascii()
    for shape, body in re.findall(
        r"\\begin{tabular}{(\w+)}(.*?)\\end{tabular}", text, flags=re.DOTALL
    ):
        lines = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert lines
        assert {line.count("&") + 1 for line in lines} == {len(shape)}
        assert (body.count(r"\toprule"), body.count(r"\bottomrule")) == (1, 1)
        assert r"\cline" not in body
    markdown = (settings.folder / "table3.md").read_text(encoding="utf-8")
    assert "ITMPRec w/o TIAC" in markdown
    assert len({line.count("|") for line in markdown.split("**")[2].splitlines() if line}) == 1


def test_published_figures() -> None:
    four, three = published_table(4, "ml-100k"), published_table(3, "ml-100k")
    assert four.loc["ITMPRec", "IoI@20"] == 0.4690
    assert four.loc["SASRec", "IoR@20"] == -1.1867
    assert three.loc["ITMPRec w/o TIAC", "HR@20"] == 0.3823
    assert [Method.named(name).label for name in TABLE_4] == [
        "SASRec", "ICLRec", "MStein", "BSARec", "ICSRec", "IRN", "IPG", "LLM-IPP",
        "ITMPRec w/o P", "ITMPRec",
    ]  # fmt: skip
    assert set(four.index) == {Method.named(name).label for name in TABLE_4}
    assert set(three.index) == {Method.named(name).label for name in TABLE_3}
    assert "LLM-IPP" not in published_table(4, "lastfm").index
    assert published_counts("ml-100k") == {"users": 943, "items": 1348, "interactions": 98704}
    assert published_counts("demo") is None
    assert published_table(4, "demo").empty


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("table5000", {}, "table or figure 'table5000'.*table"),
        ("table4", {"data": "ml100k"}, "ml-100k"),
        ("table4", {"methods": ("imtprec",)}, "method 'imtprec'.*itmprec"),
        ("table4", {"methods": ("itmprec-without-luck",)}, "itmprec-without-prematch"),
        ("table4", {"protocols": ("unfair",)}, "protocol.*fair"),
        ("table4", {"category": "Evne", "out": Path("elsewhere")}, "category 'Evne'.*Even"),
    ],
)
def test_unknown_names(
    settings: ReproductionSettings, name: str, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnknownNameError, match=message):
        reproduce(name, replace(settings, **changed), silent, Watcher())


def test_a_method_that_writes_needs_a_model(settings: ReproductionSettings) -> None:
    with pytest.raises(ConfigError, match="--model"):
        reproduce("table4", replace(settings, methods=("llm-ipp",)), silent, Watcher())


def test_standard_errors_over_targets_and_seeds() -> None:
    index = pd.Index([4, 7, 9], name="target")
    one = pd.DataFrame({"IoI@5": [0.1, 0.3, 0.5]}, index=index)
    row = estimate([one]).loc["IoI@5"]
    assert row["mean"] == pytest.approx(0.3)
    assert row["se"] == pytest.approx(0.2 / np.sqrt(3))
    assert row["high"] - row["mean"] == pytest.approx(4.3027 * 0.2 / np.sqrt(3), rel=1e-4)
    # The same targets twice are no more targets than once.
    assert estimate([one, one]).loc["IoI@5", "se"] >= row["se"] * 0.99
    # Seeds that differ count, even where targets do not.
    flat = pd.DataFrame({"IoI@5": [0.3, 0.3, 0.3]}, index=index)
    shifted = estimate([flat, flat + 0.2]).loc["IoI@5"]
    assert shifted["se"] == pytest.approx(0.1)
    assert estimate([one.iloc[:1]]).loc["IoI@5"].isna().tolist() == [False, True, True, True, False]
    gap = paired_estimate([one + 0.25], [one]).loc["IoI@5"]
    assert (gap["mean"], gap["se"]) == pytest.approx((0.25, 0.0))


def test_hit_rate_over_targets(played: ReproductionSettings) -> None:
    run = Run.load(played.folder / "fair" / "itmprec-seed0")
    manifest = dict(run.manifest)
    released = {**manifest["config"]["protocol"], "hit_rate": "targets", "measured": "before"}
    manifest["config"] = {**manifest["config"], "protocol": released}
    turned = Run(manifest, run.episodes, run.exposures, run.cost)
    np.testing.assert_allclose(
        per_target(turned).mean(), per_user(turned).mean()[per_target(turned).columns], rtol=1e-6
    )


def test_the_command(
    settings: ReproductionSettings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    given = ["table4", "--data", settings.data, "--out", str(settings.out), "--targets", "3"]
    given += ["--users", "12", "--rounds", "5", "--protocol", "fair", "--methods", "ipg, itmprec"]
    monkeypatch.setattr(sys, "argv", ["nudgesim", "reproduce", *given])
    with pytest.raises(SystemExit) as end:
        main()
    shown = capsys.readouterr()
    assert end.value.code in (0, None), shown.err
    assert "IoI@5" in shown.out
    assert "± is half a 95% interval over targets" in shown.out
    monkeypatch.setattr(sys, "argv", ["nudgesim", "reproduce", "table44"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "Did you mean 'table4'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.usefixtures("ml_100k")
def test_table4_on_movielens(settings: ReproductionSettings) -> None:
    some = replace(settings, data="ml-100k", protocols=("fair",), users=30, targets=4, rounds=20)
    exhibit = reproduce("table4", some, silent, Watcher())
    numbers = exhibit.numbers["table4"].set_index(["method", "metric", "P"])
    assert numbers.loc[("ITMPRec", "IoI", 20), "published"] == 0.4690
    assert numbers.loc[("ITMPRec", "IoI", 20), "ours"] > 0.1
    assert (some.folder / "table4.tex").exists()
