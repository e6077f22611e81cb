"""The parts of a report: sections, words, files; what is absent is left out."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import report_parts as parts
from report_probes import probes

from evals.plots import Grid, cells, ranks
from evals.report import Contents, findings, headline, render_report, tables_of, write_comparison
from evals.report.page import Page
from evals.report.pivots import pivot
from evals.tables import latex_table, markdown_table
from evals.wording import click_models, testers


@pytest.fixture(scope="module")
def contents() -> Contents:
    return parts.contents()


@pytest.fixture(scope="module")
def page(contents: Contents) -> Page:
    return Page(contents)


def anchors(contents: Contents) -> list[str]:
    return re.findall(r'<section id="([\w-]+)"', render_report(contents))


@pytest.mark.slow
def test_absent_parts_have_no_section(contents: Contents) -> None:
    assert anchors(Contents(data="nothing")) == ["manifests"]
    only = anchors(Contents(probes=contents.probes))
    assert only == ["bias", "manifests"]
    judged = Contents(judgement=contents.judgement, decisions=contents.decisions)
    assert anchors(judged) == ["click-models", "failures", "decisions", "manifests"]


def test_every_part_has_its_section(page: Page) -> None:
    assert [section.anchor for section in page.sections] == [
        "click-models",
        "recommenders",
        "nudging",
        "bias",
        "runs",
        "metrics",
        "agreement",
        "flipped",
        "paths",
        "movement",
        "failures",
        "cost",
    ]
    names = [drawing.name for section in page.sections for drawing in section.drawings]
    assert len(names) == len(set(names))
    assert {"measures", "reliability", "segments-auc", "user-vector", "intentions"} <= set(names)


@pytest.mark.slow
def test_figures_carry_no_colour_of_their_own_and_say_what_they_show(page: Page) -> None:
    for section in page.sections:
        for drawing in section.drawings:
            svg = drawing.page()
            root = ElementTree.fromstring(svg)
            assert root.attrib["aria-label"] == drawing.description
            assert re.findall(r"#[0-9a-f]{6}\b", svg) == [], drawing.name


@pytest.mark.slow
def test_everything_is_written_as_files_too(contents: Contents, tmp_path: Path) -> None:
    written = write_comparison(contents, tmp_path / "new" / "out")
    assert all(path.stat().st_size > 0 for path in written)
    root = tmp_path / "new" / "out"
    figures = {path.stem for path in (root / "figures").iterdir()}
    for name in figures:
        ElementTree.parse(root / "figures" / f"{name}.svg")
        assert (root / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert "var(" not in (root / "figures" / "reliability.svg").read_text()
    judgement = contents.judgement
    assert judgement is not None
    measures = pd.read_csv(root / "tables" / "measures.csv")
    assert measures["value"].to_numpy() == pytest.approx(
        judgement.measures["value"].to_numpy(dtype=float), nan_ok=True
    )
    markdown = (root / "tables" / "measures.md").read_text()
    assert f"| {parts.AGENT} |" in markdown
    assert r"\toprule" in (root / "tables" / "measures.tex").read_text()
    again = tmp_path / "again"
    write_comparison(contents, again)
    for path in written:
        assert path.read_bytes() == (again / path.relative_to(root)).read_bytes(), path.name


def test_the_tables_of_a_terminal_are_the_unfolded_ones(contents: Contents, page: Page) -> None:
    titles = [table.title for table in tables_of(contents)]
    assert titles[0] == "Against logged users"
    folded = [s.table.title for section in page.sections for s in section.sheets if s.folded]
    assert folded
    assert not set(folded) & set(titles)
    for table in tables_of(contents):
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert markdown_table(table)
        assert latex_table(table)


def test_a_model_that_does_not_beat_the_baselines_is_said_not_to(contents: Contents) -> None:
    judgement = contents.judgement
    assert judgement is not None
    said = click_models.findings(judgement, parts.BASELINES)
    auc = {model: judgement.value(model, "auc") for model in judgement.models}
    table = judgement.differences.set_index(["measure", "model", "base"])
    for model in set(judgement.models) - set(parts.BASELINES):
        sentences = [s for s in said if s.startswith((f"In AUC {model} ", f"{model} beats"))]
        (sentence,) = sentences
        for base in parts.BASELINES:
            row = table.loc[("auc", model, base)]
            told = row["p_corrected"] < 0.05
            better = auc[model] > auc[base]
            verb = "cannot be told from" if not told else "beats" if better else "is beaten by"
            clause = sentence[sentence.index(verb) :]
            assert base in clause
    turned = replace(
        judgement, differences=judgement.differences.assign(p_corrected=1.0, difference=-0.01)
    )
    assert click_models.headline(turned, parts.BASELINES) == (
        "distribution:w=1,b=0.8 leads at telling clicks from no-clicks, but not beyond every "
        "baseline"
    )


def test_a_baseline_in_front_takes_the_headline(contents: Contents) -> None:
    judgement = contents.judgement
    assert judgement is not None
    best = "distribution:w=1,b=0.8"
    assert click_models.headline(judgement, (best,)) in {
        f"No click model beats {best}, a baseline, at telling clicks from no-clicks",
        "No click model is shown to beat the baselines at telling clicks from no-clicks",
    }
    assert headline(contents).startswith("invented: distribution:w=1,b=0.8 tells clicks")


def test_conclusions_that_depend_on_the_click_model_are_said_to() -> None:
    found = parts.conclusions()
    winners = pd.DataFrame(
        {
            "model": ["a", "b", "a", "b", "a", "b"],
            "metric": ["HR@20", "HR@20", "IoI@20", "IoI@20", "IoR@20", "IoR@20"],
            "winner": ["ipg", "ipg", "ipg", "itmprec", "ipg", "itmprec"],
            "decided": [True, True, True, True, True, False],
        }
    )
    said = testers.concluded(replace(found, winners=winners))
    assert said[0] == "ipg wins HR@20 before every click model."
    assert said[1] == (
        "Which method wins IoI@20 depends on the click model: ipg before a; itmprec before b."
    )
    assert said[2] == (
        "ipg wins IoR@20 before 1 of 2 click models; before the others nothing is decided."
    )


def test_shifts_that_cannot_be_told_are_not_told() -> None:
    found = probes("agent", 1)
    quiet = found.table.assign(p_corrected=0.2)
    assert testers.moved(replace(found, table=quiet)) == (
        "Of 7 changes that should not matter none can be told to move agent's mean P(click). "
        "Of 2 shifts against the log none can be told from zero."
    )
    loud = found.table.assign(p_corrected=np.where(found.table["variant"] == "reversed", 0.01, 1))
    shift = found.table["shift"][1]
    assert testers.moved(replace(found, table=loud)).startswith(
        "Of 7 changes that should not matter 1 can be told to move agent's mean P(click): "
        f"example order: reversed ({shift:+.3f})."
    )


@pytest.mark.slow
def test_segments_too_small_are_hatched_and_said(contents: Contents) -> None:
    judgement = contents.judgement
    assert judgement is not None
    table = judgement.segments
    small = (table["kind"] == "category") & (table["segment"] == "Drama")
    less = table.assign(
        value=table["value"].where(~small), note=np.where(small, "4 users, fewer than 5", "")
    )
    html = render_report(Contents(judgement=replace(judgement, segments=less)))
    assert "4 users, fewer than 5" in html
    assert "Segments too small to tell" in html
    assert "<pattern" in html  # the hatching


def test_unknown_cells_are_hatched_and_known_ones_shaded() -> None:
    values = np.array([[1.0, np.nan], [0.0, -1.0]])
    grid = Grid("one", ["a", "b"], ["x", "y"], values, values, [["1", ""], ["0", "-1"]])
    svg = cells("few", [grid], "Cells").page()
    assert svg.count("<pattern") == 1
    shades = re.findall(r"fill: var\((--series-\d)\); fill-opacity: ([\d.]+)", svg)
    assert sorted(shades) == [("--series-1", "0.55"), ("--series-2", "0.55")]  # zero has none


def test_equals_share_a_rank() -> None:
    values = {"log": {"a": 3.0, "b": 2.0, "c": 1.0}, "half": {"a": 1.0, "b": 1.0, "c": 0.0}}
    figure = ranks("r", values, {}, "things").figure
    lines = {tuple(line.get_ydata()) for line in figure.axes[0].lines}
    assert lines == {(1.0, 1.5), (2.0, 1.5), (3.0, 3.0)}


def test_who_finds_all_equal_ranks_nothing() -> None:
    values = {"log": {"a": 3.0, "b": 2.0}, "flat": dict.fromkeys("ab", 0.5)}
    figure = ranks("r", values, {}, "things").figure
    ranked = np.array([line.get_ydata() for line in figure.axes[0].lines])
    assert np.isnan(ranked[:, 1]).all()
    assert "all equal" in [text.get_text() for text in figure.axes[0].texts]


def test_pivots_have_a_dash_where_there_is_nothing() -> None:
    frame = pd.DataFrame(
        {"m": ["a", "b"], "k": ["x", "y"], "value": [0.5, -1.25], "low": [0.4, np.nan], "high": 0.6}
    )
    table = pivot("T", frame, ("m", ["a", "b"]), ("k", ["x", "y"]), digits=2, names={"x": "X"})
    assert table.columns == ("m", "X", "y")
    assert table.rows == (("a", "0.50 [0.40, 0.60]", "–"), ("b", "–", "−1.25"))


def test_findings_come_in_the_order_of_the_parts(contents: Contents) -> None:
    said = findings(contents)
    order = [
        next(k for k, sentence in enumerate(said) if text in sentence)
        for text in (
            "best (AUC",
            "Recommenders are ranked",
            "should not matter",
            "Within 10 rounds",
        )
    ]
    assert order == sorted(order)
