"""The page of `nudgesim prompts serve`, in a real browser, with a real model."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from running_page import Served, page_served

from prompts import Template, load_template
from simulator.data import load_dataset
from simulator.engines import TransformersEngine
from simulator.engines.cached import CachedEngine
from simulator.engines.decision_cache import DecisionCache
from simulator.lab import Book, Lab

pytestmark = pytest.mark.slow

SHIPPED = "movies/click-en"
TEXT = load_template(SHIPPED).text
CHOOSY = "be choosy: many recommendations are not for you"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with page_served(SHIPPED, tmp_path_factory.mktemp("page")) as page:
        yield page


@pytest.fixture
def page(served: Served, chromium: Browser) -> Iterator[Page]:
    """The page, open; at the end nothing was complained of, and nobody else was asked."""
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    opened = context.new_page()
    said: list[str] = []
    asked: set[str] = set()
    opened.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    opened.goto(f"{served.url}/#{served.token}")
    expect(opened.locator("#users .value")).to_have_count(6)
    yield opened
    context.close()
    assert said == []
    assert asked == {urlsplit(served.url).netloc}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(load_dataset("demo"), engine=TransformersEngine("pocket")) as opened:
        yield opened


def write(page: Page, old: str, new: str) -> None:
    text = page.locator("#text")
    assert old in text.input_value()
    text.fill(text.input_value().replace(old, new))


def probabilities(page: Page) -> list[str]:
    return page.locator("#users .value").all_inner_texts()


def test_an_edit_changes_the_preview_and_the_probabilities(page: Page) -> None:
    before = probabilities(page)
    assert CHOOSY in page.inner_text("#prompt")
    assert page.locator("#users td:nth-child(5)").all_inner_texts() == ["0.000"] * 6
    write(page, CHOOSY, "click whatever is shown")
    expect(page.locator("#prompt")).to_contain_text("click whatever is shown")
    assert probabilities(page) != before
    changes = page.locator("#users td:nth-child(5)").all_inner_texts()
    assert any(change != "0.000" for change in changes)
    expect(page.locator("#dirty")).to_be_visible()


def test_parts_and_probabilities_are_those_of_the_click_agent(
    page: Page, served: Served, lab: Lab
) -> None:
    with served.client as client:
        cases = client.get("/api/page").json()["cases"]
        numbers = [{"row": case["row"], "item": case["item"]} for case in cases]
        found = client.post("/api/preview", json={"text": TEXT, "cases": numbers}).json()
    assert lab.data.log is not None
    rows = lab.rows("development", 100_000)[[case["row"] for case in cases]]
    shown = lab.data.logged_exposures(rows)
    variant = lab.variant(SHIPPED)
    own = lab.ask(variant, shown).probability
    np.testing.assert_allclose([c["probability"] for c in found["cases"]], own, atol=1e-5)
    assert probabilities(page) == [f"{p:.3f}" for p in own]
    assert [case["clicked"] for case in cases] == lab.data.log.clicked[rows].tolist()

    encoder = lab.engine.encoder  # type: ignore[attr-defined]  # a local engine has one
    prompt = lab.prompts(variant, shown)[0]
    assert page.locator("#prompt").text_content() == encoder.display(prompt)
    parts = page.locator("#prompt .part")
    assert parts.all_text_contents()[1:] == [prompt.user, prompt.candidate]
    colours = {part.evaluate("e => getComputedStyle(e).backgroundColor") for part in parts.all()}
    assert len(colours) == 3
    counts = [
        int(re.findall(r"\d+", item)[0]) for item in page.locator("#tokens li").all_inner_texts()
    ]
    assert sum(counts) == encoder.count_tokens([prompt])[0]
    assert f"{sum(counts)} tokens" in page.inner_text("#prompt-hint")


def test_a_fault_is_told_with_its_place_and_goes(page: Page) -> None:
    write(page, "Recommended: {{ item }}", "Recommended: {{ itm }}")
    status = page.locator("#status.fault")
    expect(status).to_contain_text(f"{SHIPPED}.j2, line 37, column 17")
    expect(status).to_contain_text("Did you mean 'item'? It has: item, labels.")
    assert page.inner_text(".line.fault .mark") == "itm"
    expect(page.locator("#text")).to_have_attribute("aria-invalid", "true")
    page.click("#status button")
    page.keyboard.press("Delete")
    page.keyboard.type("it")
    page.keyboard.press("Delete")
    page.keyboard.type("e")
    expect(page.locator("#status.fault")).to_have_count(0)
    assert "{{ item }}" in page.input_value("#text").split("\n")[36]


def test_an_endless_draft_holds_nobody_up(page: Page) -> None:
    forever = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    write(page, "Answer:\n{% endblock", f"Answer:{forever}\n{{% endblock")
    expect(page.locator("#status.fault")).to_contain_text("more time or memory", timeout=15_000)
    write(page, forever, "")
    expect(page.locator("#status.fault")).to_have_count(0, timeout=15_000)


def test_users_are_chosen_by_id_by_seed_and_by_keyboard(page: Page) -> None:
    names = page.locator("#users th label span")
    first = names.all_inner_texts()
    page.click("#other-users")
    expect(names.first).not_to_have_text(first[0])
    page.fill("#user", first[2])
    page.press("#user", "Enter")
    expect(names.first).to_have_text(first[2])
    page.fill("#candidate", "alien")
    option = page.locator("#candidates option").first
    expect(option).to_have_attribute("value", re.compile("Alien"))
    page.fill("#candidate", str(option.get_attribute("value")))
    page.press("#candidate", "Enter")
    expect(page.locator("#prompt .candidate")).to_contain_text("Alien")
    page.locator("#users input").first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#prompt-hint")).to_contain_text(names.all_inner_texts()[1])
    page.fill("#user", "nobody")
    page.press("#user", "Enter")
    expect(page.locator("#choose-fault")).to_contain_text("Unknown user 'nobody'")


def test_an_evaluation_has_progress_figures_and_an_entry_in_the_book(
    page: Page, served: Served, lab: Lab
) -> None:
    write(page, CHOOSY, "go by your taste")
    page.select_option("#exposures", "500")
    page.click("#evaluate")
    expect(page.locator("#progress-text")).to_contain_text(re.compile(r"[\d,]+ of 1,000 decisions"))
    expect(page.locator("#trials tbody .number b")).to_have_count(4, timeout=60_000)
    expect(page.locator("#running")).to_be_hidden()
    draft = Template.parse(page.input_value("#text"), Path("draft.j2"))
    variant = lab.variant(draft)
    # What the page was told, judged anew.
    told = CachedEngine(lab.engine, DecisionCache(served.folder / "cache.sqlite"))
    again = Lab(lab.data, engine=told)
    own = again.evaluate([variant], incumbent=lab.variant(SHIPPED), exposures=500)
    told.cache.close()
    assert told.usage()["decisions_from_cache"] == 1000
    name = next(name for name, one in own.variants.items() if one is variant)
    figures = page.locator("#trials tbody .number b").all_inner_texts()
    measures = ("auc", "log_loss", "calibration_error", "click_rate_ratio")
    assert figures == [f"{own.value(name, measure):.3f}" for measure in measures]
    assert len(page.locator("#trials .difference").all()) == 2
    board = Book(served.folder / "book.sqlite").board()
    assert draft.sha256 in set(board["template_sha256"])
    page.click("#trials button:has-text('make incumbent')")
    changes = page.locator("#users td:nth-child(5)")
    for k in range(6):
        expect(changes.nth(k)).to_have_text("0.000")


def test_an_evaluation_lets_previews_in_and_can_be_cancelled(page: Page) -> None:
    write(page, CHOOSY, "do as you please")
    page.select_option("#exposures", "10000")
    page.click("#evaluate")
    expect(page.locator("#progress-text")).to_contain_text("decisions")
    write(page, "do as you please", "do as we please")
    expect(page.locator("#prompt")).to_contain_text("do as we please", timeout=5_000)
    expect(page.locator("#running")).to_be_visible()
    page.click("#cancel")
    expect(page.locator("#running")).to_be_hidden(timeout=10_000)
    expect(page.locator("#trials tbody tr").first).to_contain_text("cancelled")


def test_a_shipped_template_is_saved_as_a_file_of_ones_own(page: Page, served: Served) -> None:
    write(page, CHOOSY, "be curious")
    page.locator("#text").focus()
    page.keyboard.press("Control+s")
    page.fill("#save-name", "../outside")
    page.click("#save-confirm")
    expect(page.locator("#save-fault")).to_contain_text("outside of")
    page.fill("#save-name", "curious")
    page.click("#save-confirm")
    expect(page.locator("#place")).to_have_text("curious.j2")
    expect(page.locator("#dirty")).to_be_hidden()
    assert (served.folder / "curious.j2").read_text() == TEXT.replace(CHOOSY, "be curious")
    write(page, "be curious", "be very curious")
    page.locator("#text").focus()
    page.keyboard.press("Control+s")
    expect(page.locator("#dirty")).to_be_hidden()
    assert "be very curious" in (served.folder / "curious.j2").read_text()
    (served.folder / "curious.j2").write_text("by another program")
    write(page, "be very curious", "be calm")
    page.once("dialog", lambda question: question.accept())
    page.click("#save")
    expect(page.locator("#dirty")).to_be_hidden()
    assert "be calm" in (served.folder / "curious.j2").read_text()
    assert not (served.folder.parent / "outside.j2").exists()
    assert load_template(SHIPPED).text == TEXT


def test_tab_indents_and_escape_leaves(page: Page) -> None:
    page.locator("#text").focus()
    page.keyboard.press("Control+Home")
    page.keyboard.press("Tab")
    assert page.input_value("#text").startswith("  ---")
    page.keyboard.press("Control+z")
    assert page.input_value("#text").startswith("---")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") != "text"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1400])
def test_nothing_overflows(served: Served, chromium: Browser, width: int, scheme: str) -> None:
    context = chromium.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,  # type: ignore[arg-type]  # one of its literals
    )
    opened = context.new_page()
    opened.goto(f"{served.url}/#{served.token}")
    expect(opened.locator("#users .value")).to_have_count(6)
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_previews_are_quick(served: Served) -> None:
    with served.client as client:
        cases = client.get("/api/page").json()["cases"]
        numbers = [{"row": case["row"], "item": case["item"]} for case in cases]
        seconds = []
        for k in range(8):
            text = TEXT.replace(CHOOSY, f"take number {k}")
            began = time.perf_counter()
            answer = client.post("/api/preview", json={"text": text, "cases": numbers}).json()
            seconds.append(time.perf_counter() - began)
            assert len(answer["cases"]) == 6
    assert min(seconds) < 0.3, seconds


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:{port}"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"X-Nudgesim-Token": "guessed"},
        {"X-Nudgesim-Token": ""},
    ],
)
def test_other_pages_are_kept_out(served: Served, headers: dict[str, str]) -> None:
    port = str(urlsplit(served.url).port)
    with served.client as client:
        sent = {name: value.replace("{port}", port) for name, value in headers.items()}
        body = {"text": "x", "name": "planted"}
        refused = client.post("/api/save", json=body, headers=sent)
        assert refused.status_code == 403
        assert "error" in refused.json()
        assert client.get("/api/page", headers=sent).status_code == 403
        if "Host" in headers:
            assert client.get("/", headers=sent).status_code == 403
        allowed = client.get("/api/page")
    assert allowed.status_code == 200
    assert "access-control-allow-origin" not in allowed.headers
    assert "default-src 'none'" in allowed.headers["content-security-policy"]
    assert not (served.folder / "planted.j2").exists()


def test_nothing_else_is_served(served: Served) -> None:
    with served.client as client:
        for path in ("/docs", "/openapi.json", "/../app.py", "/%2e%2e/app.py"):
            assert client.get(path).status_code in (403, 404)
