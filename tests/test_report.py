"""The report: one file, no network, everything escaped, sentences that follow the figures."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evals import Bootstrap, Comparison, compare, write_report
from evals.report import render_report
from evals.wording import findings, headline, lead
from simulator.clicks import DistributionClicks
from simulator.domain import Clicks, Dataset, Exposures, Vectors
from simulator.errors import ConfigError
from simulator.interfaces import RoundView
from simulator.runlog import Run
from simulator.session import simulate

QUICK = Bootstrap(replicates=100)
EAGER, SHY = DistributionClicks(w=4.0, b=-0.4), DistributionClicks(w=4.0, b=0.8)
TARGETS = np.array([3, 9, 11])
VOID = {"meta", "br", "link", "img", "input"}


class Towards:
    """Shows the unseen item that lies nearest to the target."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors

    def recommend(self, view: RoundView) -> np.ndarray:
        closeness = self.vectors.item[view.target] @ self.vectors.item.T
        closeness[view.seen] = -np.inf
        return closeness.argmax(axis=1)


class Balanced(HTMLParser):
    """Collects tags and text; fails on a tag closed out of turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(html: str) -> Balanced:
    page = Balanced()
    page.feed(html.replace("<wbr>", ""))  # where a name may be broken
    assert page.open == []
    return page


@pytest.fixture
def runs(data: Dataset, vectors: Vectors) -> dict[str, Run]:
    def run(name: str, clicks: Any, **settings: Any) -> Run:
        made = simulate(data, Towards(vectors), clicks, rounds=6, targets=TARGETS, **settings)
        return replace(made, manifest={**made.manifest, "name": name})

    return {
        "eager": run("eager", EAGER, beside={"shy": SHY}),
        "shy": run("shy", SHY),
        "blind": run("blind", EAGER),
    }


@pytest.fixture
def comparison(runs: dict[str, Run]) -> Comparison:
    return compare([runs["eager"], runs["shy"]], bootstrap=QUICK)


def test_the_report_is_one_well_formed_file_that_asks_for_nothing_outside(
    comparison: Comparison, tmp_path: Path
) -> None:
    path = write_report(comparison, tmp_path / "new" / "report.html", ["Film"] * 60)
    html = path.read_text(encoding="utf-8")
    assert html == render_report(comparison, ["Film"] * 60)  # the same text each time
    page = read(html)
    for tag, attributes in page.tags:
        assert tag not in {"link", "iframe", "img"}
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
    assert "@import" not in html
    assert re.findall(r"url\((?!#)", html) == []
    assert [tag for tag, _ in page.tags].count("h1") == 1


def test_plots_are_valid_svg_in_the_pages_colours_with_a_description(
    comparison: Comparison,
) -> None:
    html = render_report(comparison)
    plots = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    assert len(plots) == 7  # three curves, two views of the probabilities, two maps of users
    for plot in plots:
        root = ElementTree.fromstring(plot)
        assert root.attrib["role"] == "img"
        assert root.attrib["aria-label"]
        assert "var(--ink)" in plot
        assert re.findall(r"#[0-9a-f]{6}\b", plot) == []  # no colour of its own
    axes = " ".join(" ".join(ElementTree.fromstring(plot).itertext()) for plot in plots)
    for label in ("increase of interest (cosine)", "increase of rank (places)", "P(click), shy"):
        assert label in axes


def test_what_others_wrote_is_escaped(runs: dict[str, Run]) -> None:
    nasty = "<script>alert('x')</script> & $co$"
    run = replace(runs["eager"], manifest={**runs["eager"].manifest, "name": nasty})
    frame = run.exposures.assign(failure=nasty, reason="</table><b>")
    run = replace(run, exposures=frame)
    html = render_report(compare([run], bootstrap=QUICK), [f"{nasty} {k}" for k in range(60)])
    assert "<script>alert" not in html
    assert "</table><b>" not in html
    assert nasty in " ".join(read(html).words)


def test_the_headline_names_the_run_that_leads_further(comparison: Comparison) -> None:
    assert headline(comparison) == "eager moves users further towards their targets than shy"
    level = comparison.levels.query("metric == 'IoI@5'").set_index("run")["mean"]
    text = lead(comparison)
    assert f"IoI@5 is {level['eager']:.3f} under eager and {level['shy']:.3f} under shy" in text
    assert f"the difference is {level['eager'] - level['shy']:.3f}" in text
    assert "make the same decision in" in text
    assert "paired over 30 users" in text


def test_the_order_of_runs_does_not_turn_the_headline(runs: dict[str, Run]) -> None:
    one = compare([runs["eager"], runs["shy"]], bootstrap=QUICK)
    other = compare([runs["shy"], runs["eager"]], bootstrap=QUICK)
    assert headline(one) == headline(other)


def test_runs_that_cannot_be_told_apart_are_not_ranked(runs: dict[str, Run]) -> None:
    found = compare([runs["eager"], runs["blind"]], bootstrap=QUICK)
    assert headline(found) == (
        "eager and blind move users equally far towards their targets, as far as 30 users can tell"
    )
    assert "none that can be told" in findings(found)[0]


def test_many_runs_and_one_run_have_headlines_of_their_own(runs: dict[str, Run]) -> None:
    assert headline(compare(list(runs.values()), bootstrap=QUICK)).startswith("Of 3 runs, ")
    alone = headline(compare([runs["shy"]], bootstrap=QUICK))
    assert alone.startswith("Within 5 rounds users come closer to their targets (IoI@5) by ")


def test_without_vectors_the_report_speaks_of_clicks_alone(data: Dataset) -> None:
    class Coin:
        def decide(self, shown: Exposures) -> Clicks:
            half = np.full(len(shown), 0.5, dtype=np.float32)
            return Clicks.from_probability(half, shown.draw, source="coin")

    class First:
        def recommend(self, view: RoundView) -> np.ndarray:
            return view.seen.argmin(axis=1)

    run = simulate(data, First(), Coin(), rounds=1)
    text = " ".join(read(render_report(compare([run], bootstrap=QUICK))).words)
    assert "Within one round users click (HR@1)" in text
    assert "IoI@1" not in text
    assert "No decision failed." in text


def test_examples_name_what_was_shown(comparison: Comparison, data: Dataset) -> None:
    text = " ".join(read(render_report(comparison, data.catalogue.titles)).words)
    assert "towards Film 9" in text
    with pytest.raises(ConfigError, match="titles for 3 items"):
        render_report(comparison, data.catalogue.titles[:3])
