"""How fast is a report with 50,000 decisions: to write, to open, to filter in Chromium?

    python -m evals.benchmarks.report_speed --data demo

Every logged exposure of the data set is judged, each by five click models whose probabilities are
invented (a report does not ask where they come from); two of them have prompts, rendered by
templates that ship. Reported: seconds to write the report, its size, how many prompts it keeps,
milliseconds from navigation until the decisions can be filtered, and of each filter (until the rows
are in the page; then until they are painted).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from evals.bootstrap import Bootstrap
from evals.judging import judge_answers
from evals.report import Contents, decisions_of, write_report
from prompts import PromptRenderer, load_template
from simulator.data import load_dataset
from simulator.domain import Catalogue, Clicks, Exposures
from simulator.experiment.labelled import labelled_exposures
from simulator.interfaces import Prompt
from simulator.seeding import generator

_MODELS = 5
_FILTERS = {
    "all decisions": "document.getElementById('f-flip').value = 'any'",
    "a title": "document.getElementById('f-text').value = 'night'",
    "a letter": "document.getElementById('f-text').value = 'e'",
    "P(click) from 0.5": "document.getElementById('f-text').value = '';"
    "document.getElementById('f-min0').value = '0.5'",
    "logged clicks": "document.getElementById('f-logged').value = '1'",
    "by the log": "document.getElementById('f-b').value = 'log'",
}
_TIMED = """async (change) => {
    const began = performance.now();
    eval(change);
    document.getElementById("filters").dispatchEvent(new Event("input"));
    const listed = performance.now() - began;
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return [decisionBrowser.rows.length, listed, performance.now() - began];
}"""


def main() -> None:
    """Write, open, filter, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="demo")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    contents = _contents(asked.data)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        path = write_report(contents, Path(folder) / "report.html")
        print(f"written in {time.perf_counter() - began:.1f} s")
        print(f"{path.stat().st_size / 1e6:.2f} MB")
        _browse(path, asked.chromium, asked.repeats)


def _contents(name: str) -> Contents:
    data = load_dataset(name)
    assert data.log is not None
    log = labelled_exposures(data, np.arange(len(data.log)), data.interactions)
    draws = generator(0, "report speed")
    lean = np.where(log.clicked, 0.6, -0.4)
    answers = {
        f"model-{k}": Clicks.from_probability(
            expit(lean + draws.normal(size=len(log))).astype(np.float32),
            log.shown.draw,
            source="invented",
        )
        for k in range(_MODELS)
    }
    judgement = judge_answers(answers, log, bootstrap=Bootstrap(100))
    domain = data.catalogue.domain
    prompts = {
        f"model-{k}": _Asking(f"{folder}/click-en", data.catalogue)
        for k, folder in enumerate((domain, "general"))
    }
    decisions = decisions_of(judgement, data.catalogue, data.user_ids, prompts)
    return Contents(name, judgement=judgement, decisions=decisions, catalogue=data.catalogue)


class _Asking:
    """An agent's questions, without the agent."""

    def __init__(self, template: str, catalogue: Catalogue) -> None:
        self._renderer = PromptRenderer(load_template(template), catalogue)

    def __call__(self, shown: Exposures) -> list[Prompt]:
        return self._renderer.render(shown.history, shown.item)


def _browse(path: Path, chromium: str, repeats: int) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened = []
        for _ in range(repeats):
            page = browser.new_page()
            page.goto(path.as_uri())
            page.wait_for_function("window.decisionBrowser !== undefined", polling=5)
            opened.append(page.evaluate("decisionBrowser.opened"))
        notes = page.locator("#decisions .caution").all_inner_texts()
        print(f"opened in {_median(opened)} ms; {' '.join(notes) or 'everything is kept.'}")
        for name, change in _FILTERS.items():
            times = [page.evaluate(_TIMED, change) for _ in range(repeats)]
            listed, painted = (_median([one[k] for one in times]) for k in (1, 2))
            print(f"{name}: {times[0][0]:,.0f} rows in {listed} ms, painted in {painted} ms")
        browser.close()


def _median(values: list[Any]) -> str:
    return f"{statistics.median(values):.0f} (at most {max(values):.0f})"


if __name__ == "__main__":
    main()
