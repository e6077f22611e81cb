"""`nudgesim compare` of click models, from the command line to the report's files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from report_visit import Visit

from simulator.data import dataset_spec, load_dataset
from simulator.errors import ConfigError, UnknownNameError
from simulator.experiment.comparing import (
    ComparisonSettings,
    compare_click_models,
    contents_of_runs,
    whole_slates,
)
from simulator.runlog import EPISODE_COLUMNS, EXPOSURE_COLUMNS, Run

Command = Callable[..., tuple[int, str, str]]

FLAGS = {"data": "demo", "seed": 0}
SMALL = (
    *("--exposures", "600", "--probed", "30", "--draws", "200"),
    *("--users", "4", "--targets", "1", "--rounds", "3", "--without", "recommenders"),
)


def test_slates_are_drawn_whole_and_by_seed() -> None:
    data = load_dataset("demo")
    assert data.log is not None
    rows = np.flatnonzero(data.log.user < 40)
    drawn = whole_slates(data.log, rows, 300, seed=1)
    assert 300 <= len(drawn) < 330
    assert np.isin(drawn, rows).all()
    key = data.log.user.astype(np.int64) * 10**9 + data.log.time
    for moment in np.unique(key[drawn]):
        assert (key[drawn] == moment).sum() == (key[rows] == moment).sum()
    assert np.array_equal(drawn, whole_slates(data.log, rows, 300, seed=1))
    assert not np.array_equal(drawn, whole_slates(data.log, rows, 300, seed=2))
    assert np.array_equal(whole_slates(data.log, rows, len(rows), seed=1), rows)


def test_what_cannot_be_compared_is_refused_before_a_model_is_loaded() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'probes'"):
        ComparisonSettings.read(["agent"], FLAGS, without=["probs"])
    with pytest.raises(ConfigError, match="mode=sample"):
        ComparisonSettings.read(["agent:mode=text"], FLAGS)


def test_runs_of_other_data_do_not_join_click_models() -> None:
    shown = pd.DataFrame(
        {"user": [0], "target": [1], "round": [1], "position": [0], "item": [2], "draw": [0.5]}
    ).assign(probability=0.4, clicked=False, source="distribution", failure="", reason="")
    shown = shown.assign(kept_weight=1.0, similarity=0.1, rank=3)
    episodes = pd.DataFrame(
        {"user": [0], "target": [1], "similarity": [0.1], "rank": [3], "known": [False]}
    )
    run = Run({"config": {"data": "ml-100k"}}, episodes, shown, {})
    played_on = contents_of_runs([run], draws=100).data
    assert played_on == "ml-100k"
    for data in ("demo", "upworthy"):
        settings = ComparisonSettings.read(["agent"], {"data": data})
        told: list[str] = []
        with pytest.raises(ConfigError, match=f"judged on {data}, but the runs were .* ml-100k"):
            compare_click_models(settings, played_on=played_on, say=told.append)
        assert not told  # nothing has been asked or trained


_PLAIN: dict[str, object] = {
    **dict.fromkeys(("draw", "probability", "kept_weight", "similarity"), 0.5),
    **dict.fromkeys(("clicked", "known"), False),
    **dict.fromkeys(("source", "failure", "reason", "title"), ""),
}
"""Values of columns that hold no whole numbers."""


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("rounds/round-001.parquet", "missing or damaged"),
        ("items.parquet", "missing or damaged"),
        ("episodes.parquet", "no column similarity"),
    ],
)
def test_a_damaged_run_is_refused_by_file(
    command: Command, tmp_path: Path, file: str, says: str
) -> None:
    folder = tmp_path / "run"
    (folder / "rounds").mkdir(parents=True)
    (folder / "state").mkdir()
    for name in ("manifest.json", "cost.json"):
        (folder / name).write_text("{}")
    (folder / "state" / "round-001.npz").touch()
    columns = {
        "rounds/round-001.parquet": EXPOSURE_COLUMNS,
        "items.parquet": ("title",),
        "episodes.parquet": EPISODE_COLUMNS,
    }
    for name, kept in columns.items():
        values = {column: [_PLAIN.get(column, 0)] for column in kept}
        pd.DataFrame(values).to_parquet(folder / name)
    if says == "missing or damaged":
        (folder / file).write_bytes(b"PAR1 cut off")
    else:
        pd.DataFrame({"user": [0], "target": [0]}).to_parquet(folder / file)
    code, _, errors = command("compare", str(folder))
    told = " ".join(errors.split())
    assert code == 2
    assert Path(file).name in told
    assert says in told


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("agnet",), "neither a run directory nor a click model"),
        (("agent:modle=pocket",), "Unknown setting of agent"),
        (("agent", "--without", "everything"), "recommenders"),
        (("distribution:w=5",), "both w and b"),
        (("agent", "--data", "lastfm-x"), "Unknown data set"),
        (("distribution:paper", "--data", "upworthy"), "headline tests have no users"),
    ],
)
def test_bad_input_ends_with_a_cure(
    command: Command, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    code, _, errors = command("compare", *arguments, "--out", str(tmp_path / "out"))
    assert code == 2
    assert says in " ".join(errors.split())
    assert not (tmp_path / "out").exists()


@pytest.fixture
def without_sasrec(monkeypatch: pytest.MonkeyPatch) -> None:
    """It trains for half a minute and more; test_recommender_scores.py has it among the others."""
    monkeypatch.setattr("simulator.experiment.early_sequence.SEQUENCE_COST", 0)


def look_at(chromium: Any, report: Path) -> None:
    """The report opens without a complaint or a request, and its filters work."""
    visit = Visit(chromium, report, viewport={"width": 1280, "height": 900})
    visit.page.select_option("#f-flip", "any")
    whole = visit.number()
    visit.page.select_option("#f-logged", "1")
    assert 0 < visit.number() < whole
    assert visit.complaints == []
    assert visit.requests == [report.as_uri()]
    visit.context.close()


@pytest.mark.slow
@pytest.mark.usefixtures("without_sasrec")
def test_click_models_side_by_side_on_the_demo_world(
    command: Command, chromium: Any, tmp_path: Path
) -> None:
    subjects = ("agent:model=pocket,engine=transformers", "distribution:paper")
    code, output, errors = command(
        "compare", *subjects, "--data", "demo", *SMALL, "--out", str(tmp_path / "one")
    )
    assert code == 0, errors
    for name in (*subjects[1:], "matrix factorisation", "popularity", "click rate", "replay"):
        assert name in output
    assert "sasrec is left out" in errors
    tables = {path.name: path for path in (tmp_path / "one" / "tables").iterdir()}
    measures = pd.read_csv(tables["measures.csv"]).set_index(["model", "measure"])["value"]
    agent, base = measures[subjects[0]], measures["distribution (fitted)"]
    assert agent["auc"] > base["auc"] > 0.6
    assert agent["truth_gap"] < base["truth_gap"] < measures["click rate"]["truth_gap"]
    assert measures[subjects[1]]["click_rate_ratio"] < 0.1  # the paper's b is out of reach here
    assert (tmp_path / "one" / "report.html").stat().st_size < 5_000_000
    figures = {path.suffix for path in (tmp_path / "one" / "figures").iterdir()}
    assert figures == {".svg", ".png"}
    look_at(chromium, tmp_path / "one" / "report.html")

    # Again, from the cache: every figure but the seconds is the same.
    code, _, errors = command(
        "compare", *subjects, "--data", "demo", *SMALL, "--out", str(tmp_path / "two")
    )
    assert code == 0, errors
    for name, path in tables.items():
        if "cost" not in name:
            assert path.read_bytes() == (tmp_path / "two" / "tables" / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.usefixtures("without_sasrec")
def test_the_report_on_movielens_opens(command: Command, chromium: Any, tmp_path: Path) -> None:
    if not dataset_spec("ml-100k").is_present():
        pytest.skip("the real data set ml-100k is not at hand; set NUDGESIM_DATA")
    subject = "agent:model=pocket,engine=transformers"
    options = ("--data", "ml-100k", *SMALL, "--without", "nudging")
    code, _, errors = command("compare", subject, *options, "--out", str(tmp_path / "out"))
    assert code == 0, errors
    measures = pd.read_csv(tmp_path / "out" / "tables" / "measures.csv")
    auc = measures[measures["measure"] == "auc"].set_index("model")["value"]
    assert auc["matrix factorisation"] > auc["popularity"] > auc["click rate"] == 0.5
    look_at(chromium, tmp_path / "out" / "report.html")


@pytest.mark.slow
@pytest.mark.realdata
def test_headlines_are_ordered_by_an_agent(command: Command, tmp_path: Path) -> None:
    from simulator.data.home import data_home
    from simulator.data.upworthy import UPWORTHY

    if UPWORTHY.missing_from(data_home() / UPWORTHY.folder):
        pytest.skip("the headline tests are not at hand; set NUDGESIM_DATA")
    subject = "agent:model=pocket,engine=transformers"
    options = ("--data", "upworthy", "--exposures", "200", "--draws", "200")
    code, _, errors = command("compare", subject, *options, "--out", str(tmp_path / "out"))
    assert code == 0, errors
    table = pd.read_csv(tmp_path / "out" / "tables" / "headlines.csv")
    assert subject in set(table["model"])
