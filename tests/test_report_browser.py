"""The report in a real Chromium: no error, no network, filters, prompts, keys, dark, print."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import report_parts as parts
from report_visit import Visit

from evals import write_report
from evals.report import Contents
from simulator.domain import Catalogue

pytestmark = pytest.mark.slow

NASTY = '<script>document.title = "owned"</script>"><img src=x onerror=alert(1)>\u202e {{ 7 * 7 }}'


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(parts.contents(), tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture
def visit(chromium: Any, report: Path) -> Iterator[Visit]:
    opened = Visit(chromium, report, viewport={"width": 1280, "height": 900})
    yield opened
    assert opened.complaints == []
    assert opened.requests == [report.as_uri()]
    opened.context.close()


def test_filters_change_the_rows(visit: Visit) -> None:
    page = visit.page
    answers = parts.contents().judgement.answers
    one, two = (answers[name] for name in (parts.AGENT, parts.TERSE))
    both = (one.source != "") & (two.source != "")
    assert visit.number() == (both & (one.clicked != two.clicked)).sum()
    page.select_option("#f-flip", "any")
    assert visit.number() == len(one)
    page.check("#f-failed")
    assert visit.number() == (two.failure != "").sum()
    assert page.locator("#decision-rows .failed").count() > 0
    page.click("#f-reset")
    page.select_option("#f-flip", "any")
    page.select_option("#f-logged", "1")
    assert visit.number() == parts.contents().judgement.log.clicked.sum()
    page.select_option("#f-logged", "")
    page.fill("#f-text", "quiet HARBOUR")
    found = visit.number()
    assert 0 < found < len(one)
    titles = page.locator("#decision-rows td:first-child").all_inner_texts()
    assert all("Quiet Harbour" in title for title in titles)
    page.fill("#f-text", "user-31")
    users = page.locator("#decision-rows td:nth-child(2)").all_inner_texts()
    assert set(users) == {"user-31"}
    page.fill("#f-text", "nobody wrote this")
    assert "loosen a filter" in page.inner_text("#count")
    page.click("#f-reset")
    page.select_option("#f-flip", "any")
    page.click(".ranges summary")
    page.fill("#f-min0", "0.9")
    assert visit.number() == (np.rint(one.probability * 10_000) >= 9_000).sum()
    page.fill("#f-min0", "0")
    page.select_option("#f-segment", label="Drama")
    drama = parts.contents().judgement.log.segments["category"] == "Drama"
    assert visit.number() == drama.sum()


def test_flipped_decisions_stand_worst_first_and_any_two_can_be_compared(visit: Visit) -> None:
    page = visit.page
    gaps = """() => { const b = decisionBrowser, d = b.data;
        const q = b.other(); const p = d.p[Number(document.getElementById("f-a").value)];
        return Array.from(b.rows, k => Math.abs(p[k] - q.p[k] * (q.logged ? 10000 : 1))); }"""
    for other in ("1", "3", "log"):
        page.select_option("#f-b", other)
        found = page.evaluate(gaps)
        assert len(found) > 100
        assert found == sorted(found, reverse=True)
    page.select_option("#f-order", "narrow")
    found = page.evaluate(gaps)
    assert found == sorted(found)


def test_the_exact_prompt_opens(visit: Visit) -> None:
    page = visit.page
    page.locator("#decision-rows tr").nth(3).click()
    row = page.evaluate("decisionBrowser.rows[3]")
    dialog = page.locator("dialog[open]")
    shown = parts.contents().judgement.log.shown.take(np.array([row]))
    title = parts.data().catalogue.titles[int(shown.item[0])]
    assert dialog.locator("#detail-title").inner_text() == title
    for place, template in enumerate(("movies/click-en", "general/click-en")):
        dialog.locator("details.prompt summary").nth(place).click()
        (prompt,) = parts.asks(template, parts.data())(shown)
        text = dialog.locator("details.prompt pre").nth(place).text_content()
        assert text == prompt.text
    history = dialog.locator("ol li").all_inner_texts()
    assert history == [parts.data().catalogue.titles[k] for k in shown.history[0]]
    page.keyboard.press("ArrowRight")
    assert page.evaluate("decisionBrowser.current") == 4
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


def test_the_keyboard_reaches_everything(visit: Visit) -> None:
    page = visit.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.focus("#decision-rows tr")
    place = "Number(document.activeElement.dataset.place)"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(place) == 2
    page.keyboard.press("ArrowUp")
    assert page.evaluate(place) == 1
    for _ in range(25):
        page.keyboard.press("ArrowDown")
    assert page.evaluate(place) == 26
    assert page.inner_text("#page-number").startswith("page 2 of")
    page.keyboard.press("End")
    assert page.evaluate(place) == visit.number() - 1
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "detail-close"
    page.keyboard.press("Escape")
    assert page.evaluate(place) == visit.number() - 1
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"


def test_dark_follows_the_system_and_the_button(chromium: Any, report: Path) -> None:
    dark = Visit(chromium, report, color_scheme="dark")
    assert dark.colour("body") == "rgb(16, 20, 26)"
    dark.page.click("#theme")
    assert dark.colour("body") == "rgb(246, 247, 249)"
    axis = "getComputedStyle(document.querySelector('figure svg text')).fill"
    assert dark.page.evaluate(axis) == "rgb(27, 35, 48)"
    assert dark.complaints == []
    dark.context.close()


@pytest.mark.parametrize("width", [380, 800])
def test_nothing_is_wider_than_the_screen(chromium: Any, report: Path, width: int) -> None:
    narrow = Visit(chromium, report, viewport={"width": width, "height": 800})
    assert narrow.page.evaluate("document.documentElement.scrollWidth") == width
    narrow.page.locator("#decision-rows tr").first.click()
    assert narrow.page.evaluate("document.querySelector('dialog').scrollWidth") <= width
    assert narrow.complaints == []
    narrow.context.close()


def test_it_prints_without_the_controls(visit: Visit) -> None:
    assert visit.page.pdf(format="A4").startswith(b"%PDF")
    visit.page.emulate_media(media="print")
    assert not visit.page.locator("#filters").is_visible()
    assert not visit.page.locator("nav.bar").is_visible()
    assert visit.page.locator("figure svg").first.is_visible()


def test_hostile_texts_stay_texts(chromium: Any, tmp_path: Path) -> None:
    world = parts.data()
    titles = [f"{NASTY} {k}" for k in range(len(world.catalogue))]
    catalogue = Catalogue(world.catalogue.item_ids, titles, [(NASTY,)] * len(titles), "movies")
    found = parts.decisions(300)
    users = np.array([NASTY] * 300, dtype=object)
    answers = {f"{NASTY} {k}": clicks for k, clicks in enumerate(found.answers.values())}
    asks = parts.asks("movies/click-en", replace(world, catalogue=catalogue))
    hostile = replace(
        found,
        users=users,
        titles=titles,
        categories=catalogue.categories,
        answers=answers,
        prompts={next(iter(answers)): asks},
    )
    contents = Contents(
        data=NASTY,
        decisions=hostile,
        runs=parts.comparison(),
        catalogue=catalogue,
        manifests=((NASTY, {NASTY: NASTY}),),
        cautions=(NASTY,),
    )
    visit = Visit(chromium, write_report(contents, tmp_path / "report.html"))
    page = visit.page
    page.locator("#decision-rows tr").first.click()
    page.locator("details.prompt summary").first.click()
    assert page.locator("main img, dialog img, main script").count() == 0
    assert page.title() != "owned"
    assert NASTY.replace("  ", " ") in page.locator("#detail-title").text_content()
    assert "49" not in page.locator("#detail-title").text_content()
    assert visit.complaints == []
    assert len(visit.requests) == 1
    visit.context.close()


def test_fifty_thousand_decisions_open_and_filter_at_once(chromium: Any, tmp_path: Path) -> None:
    contents = replace(parts.contents(), decisions=parts.decisions(50_000))
    path = write_report(contents, tmp_path / "report.html")
    assert path.stat().st_size < 5_000_000
    visit = Visit(chromium, path)
    opened = visit.page.evaluate("performance.now()")
    assert opened < 10_000
    visit.page.select_option("#f-flip", "any")
    assert visit.number() == 50_000
    for fill in ("orchard", "o", ""):
        visit.page.fill("#f-text", fill)
        assert visit.page.evaluate("decisionBrowser.milliseconds") < 5_000
    assert visit.complaints == []
    visit.context.close()
