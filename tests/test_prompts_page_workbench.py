"""The workbench behind the page, over a scripted engine and a small world."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from prompts import load_template
from simulator.domain import Dataset
from simulator.engines import ScriptedEngine
from simulator.lab import Lab
from simulator.lab.page.app import create_app
from simulator.lab.page.template_file import TemplateFile
from simulator.lab.page.workbench import Workbench

SHIPPED = "movies/click-en"
TEXT = load_template(SHIPPED).text
Ask = Callable[..., dict]


class ClosableEngine(ScriptedEngine):
    closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def engine() -> ClosableEngine:
    """Likes odd films, and does not understand `mumble`."""
    return ClosableEngine(
        answer=lambda text: 0.75 if "(Odd" in text.split("Recommended")[-1] else 0.25,
        mass=lambda text: 0.1 if "mumble" in text else 0.9,
    )


@pytest.fixture
def opened() -> str:
    return TEXT


@pytest.fixture
def ask(data: Dataset, engine: ClosableEngine, tmp_path: Path, opened: str) -> Iterator[Ask]:
    lab = Lab(data, engine=engine)  # type: ignore[arg-type]  # all of an engine that is used
    file = TemplateFile(load_template(SHIPPED).path, opened, tmp_path)
    with closing(Workbench(lab, file, users=4)) as workbench:
        http = TestClient(create_app(workbench, 8765, "secret"), base_url="http://127.0.0.1:8765")
        http.headers["X-Nudgesim-Token"] = "secret"

        def request(path: str, **body: object) -> dict:
            answer = http.post(f"/api/{path}", json=body) if body else http.get(f"/api/{path}")
            assert answer.status_code == 200, answer.text
            return answer.json()

        yield request
    assert engine.closed


def preview(ask: Ask, text: str) -> dict:
    cases = [{"row": case["row"], "item": case["item"]} for case in ask("page")["cases"]]
    return ask("preview", text=text, cases=cases, shown=1)


def test_a_preview_has_probabilities_mass_and_the_change(ask: Ask) -> None:
    cases = ask("page")["cases"]
    found = preview(ask, TEXT)
    odd = [int(case["item"]) % 2 == 1 for case in cases]
    assert [case["probability"] for case in found["cases"]] == [0.75 if o else 0.25 for o in odd]
    assert {case["delta"] for case in found["cases"]} == {0.0}
    assert {case["failure"] for case in found["cases"]} == {""}
    np.testing.assert_allclose([case["mass"] for case in found["cases"]], 0.9)
    assert [part["tokens"] for part in found["parts"]] == [None] * 3
    assert cases[1]["title"] in found["parts"][2]["text"]
    turned = preview(ask, TEXT.replace("Recommended: {{ item }}", "Recommended: it"))
    deltas = [case["delta"] for case in turned["cases"]]
    assert deltas == [-0.5 if o else 0.0 for o in odd]


def test_low_mass_is_called_the_failure_that_it_would_be(ask: Ask) -> None:
    found = preview(ask, TEXT.replace("Answer:\n{% endblock", "mumble\n{% endblock"))
    assert {case["failure"] for case in found["cases"]} == {"label mass below 0.5"}


def test_what_an_author_can_mend_is_an_answer(ask: Ask) -> None:
    fault = preview(ask, TEXT.replace("{{ item }}", "{{ itm }}"))["fault"]
    assert (fault["place"], fault["line"], fault["column"]) == (f"{SHIPPED}.j2", 37, 17)
    assert fault["length"] == 3
    assert "user" in ask("user", user="u999")["fault"]["message"]
    assert "never overwritten" in ask("save", text="x")["fault"]["message"]
    assert "no evaluation 3" in ask("incumbent", trial=3)["fault"]["message"]
    gone = ask("preview", text=TEXT, cases=[{"row": 10**6, "item": 0}])
    assert "reload" in gone["fault"]["message"]


def ended(ask: Ask) -> dict:
    while (found := ask("evaluations"))["trials"][-1]["state"] == "running":
        time.sleep(0.01)
    return found["trials"][-1]


def test_an_evaluation_ends_with_figures_against_the_incumbent(ask: Ask) -> None:
    ask("evaluations", text=TEXT, exposures=200)
    first = ended(ask)
    assert (first["state"], first["done"]) == ("done", first["total"])
    assert first["figures"]["auc"]["low"] < first["figures"]["auc"]["value"]
    assert first["figures"]["auc"]["difference"] is None
    ask(
        "evaluations",
        text=TEXT.replace("Recommended: {{ item }}", "Recommended: it"),
        exposures=200,
    )
    second = ended(ask)
    auc = {trial["number"]: trial["figures"]["auc"]["value"] for trial in (first, second)}
    assert second["figures"]["auc"]["value"] == 0.5
    assert second["figures"]["auc"]["difference"] == pytest.approx(auc[2] - auc[1])
    assert ask("incumbent", trial=2)["incumbent"] == 2


@pytest.mark.parametrize("opened", [TEXT.replace("{{ item }}", "{{ itm }}")])
def test_a_file_with_a_fault_can_be_opened_and_mended(ask: Ask, opened: str) -> None:
    assert ask("page")["text"] == opened
    assert preview(ask, opened)["fault"]["line"] == 37
    assert {case["delta"] for case in preview(ask, TEXT)["cases"]} == {None}
    ask("evaluations", text=TEXT, exposures=200)
    assert ended(ask)["figures"]["auc"]["difference"] is None
    assert ask("evaluations", text=opened, exposures=200)["fault"]["line"] == 37


def test_without_the_extra_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, command: Callable[..., tuple[int, str, str]]
) -> None:
    for module in ("lab.page.serving", "service.serving", "service.server"):
        monkeypatch.delitem(sys.modules, f"simulator.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    code, _, errors = command("prompts", "serve", "--no-browser")
    assert code == 2
    assert "pip install 'nudgesim[serve]'" in errors


def test_a_taken_port_and_an_unknown_file_are_told_before_a_model_is_loaded(
    command: Callable[..., tuple[int, str, str]],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, errors = command("prompts", "serve", "--no-browser", "--port", port)
    assert code == 2
    assert f"port {port}" in errors
    assert "--host" not in errors
    code, _, errors = command("prompts", "serve", "missing.j2", "--no-browser")
    assert code == 2
    assert "cannot read the template" in errors
