"""The click service: what its endpoints answer, over real HTTP."""

from __future__ import annotations

import httpx
import numpy as np
import pytest
from http_service import agent_of, films, service

from simulator.engines import ScriptedEngine
from simulator.errors import EngineError

TITLES = [f"Film {k}" for k in range(40)]


def _liking(text: str) -> float:
    return 0.9 if "Solaris" in text else 0.2


def test_a_request_gets_what_the_agent_itself_says():
    agent = agent_of(ScriptedEngine(lambda text: (len(text) % 7) / 7))
    histories = [TITLES[k : k + k % 4] for k in range(40)]
    with service(agent) as (client, _):
        body = {
            "exposures": [
                {"history": history, "candidate": title}
                for history, title in zip(histories, TITLES, strict=True)
            ],
            "seed": 11,
        }
        answer = client.post("/v1/clicks", json=body).json()
    alone = agent.click(histories, TITLES, seed=11)
    assert 0 < alone.clicked.mean() < 1
    assert answer["seed"] == 11
    decisions = answer["decisions"]
    assert [d["clicked"] for d in decisions] == alone.clicked.tolist()
    assert [d["probability"] for d in decisions] == alone.probability.tolist()
    assert {(d["source"], d["failure"], d["reason"]) for d in decisions} == {("agent", "", "")}


def test_a_given_draw_decides_and_a_drawn_seed_repeats():
    with service(agent_of(ScriptedEngine(0.5))) as (client, _):
        rows = [
            {"history": [], "candidate": "A", "draw": 0.49},
            {"history": [], "candidate": "A", "draw": 0.51},
            *({"history": [], "candidate": "A"} for _ in range(30)),
        ]
        first = client.post("/v1/clicks", json={"exposures": rows}).json()
        other = client.post("/v1/clicks", json={"exposures": rows}).json()
        again = client.post("/v1/clicks", json={"exposures": rows, "seed": first["seed"]}).json()
    assert [d["clicked"] for d in first["decisions"][:2]] == [True, False]
    assert again == first
    assert other["seed"] != first["seed"]
    assert other["decisions"] != first["decisions"]


def test_a_failed_decision_is_neither_a_click_nor_none():
    engine = ScriptedEngine(
        0.9,
        mass=lambda text: 0.1 if "Ramble" in text else 1.0,
        failure=lambda text: "timed out after 7 s" if "Broken" in text else "",
    )
    with service(agent_of(engine)) as (client, _):
        answer = client.post("/v1/clicks", json=films("Broken", "Ramble", "Fine")).json()
        labels = client.post("/v1/probabilities", json=films("Broken", "Ramble", "Fine")).json()
        metrics = client.get("/metrics").text
    broken, ramble, fine = answer["decisions"]
    for failed in (broken, ramble):
        assert failed["clicked"] is None
        assert failed["probability"] is None
        assert failed["source"] == ""
    assert (broken["failure"], ramble["failure"]) == (
        "timed out after 7 s",
        "label mass below 0.5",
    )
    assert (fine["clicked"] is None, fine["source"]) == (False, "agent")
    assert labels["labels"] == ["yes", "no"]
    assert labels["answers"][0] == {
        "probabilities": None,
        "mass": None,
        "failure": "timed out after 7 s",
    }
    assert labels["answers"][1]["mass"] == pytest.approx(0.1)
    assert labels["answers"][2]["probabilities"] == pytest.approx([0.9, 0.1])
    assert 'nudgesim_failures_total{reason="timed out after N s"} 2.0' in metrics
    assert 'nudgesim_failures_total{reason="label mass below N"} 1.0' in metrics
    assert "nudgesim_decisions_total 3.0" in metrics


def test_text_mode_gives_reasons_and_no_probabilities():
    engine = ScriptedEngine(text=lambda text: "Yes." if "Solaris" in text else "I cannot say")
    with service(agent_of(engine, mode="text")) as (client, _):
        yes, ramble = client.post("/v1/clicks", json=films("Solaris", "Heat")).json()["decisions"]
        refused = client.post("/v1/probabilities", json=films("Solaris"))
    assert (yes["clicked"], yes["probability"], yes["reason"]) == (True, None, "Yes.")
    assert (ramble["clicked"], ramble["failure"]) == (None, "answer is neither label")
    assert refused.status_code == 409
    assert "--mode sample" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 422, "not valid JSON"),
        (b"", 422, "body: Field required"),
        (b"[]", 422, "JSON object"),
        (b"\xff\xfe\x00", 400, "JSON in UTF-8"),
        (b"[" * 50_000, 400, "JSON in UTF-8"),
        (b'{"exposures": []}', 422, "at least 1"),
        (b'{"exposures": [{"history": []}]}', 422, "exposures[0].candidate: Field required"),
        (b'{"exposures": [{"history": "A", "candidate": "B"}]}', 422, "history"),
        (b'{"exposures": [{"history": [], "candidate": " \\u001f"}]}', 422, "visible character"),
        (b'{"exposures": [{"history": ["\\ud800"], "candidate": "B"}]}', 422, "unicode"),
        (b'{"exposures": [{"history": [], "candidate": 7}]}', 422, "valid string"),
        (b'{"exposures": [{"history": [], "candidate": "A", "luck": 1}]}', 422, "Extra inputs"),
        (b'{"exposures": [{"history": [], "candidate": "A", "draw": 1.0}]}', 422, "less than 1"),
        (b'{"exposures": [{"history": [], "candidate": "A", "draw": NaN}]}', 422, "finite"),
        (b'{"exposures": [{"history": [], "candidate": "A", "draw": true}]}', 422, "valid number"),
        (b'{"exposures": [{"history": [], "candidate": "A"}], "seed": 1.5}', 422, "integer"),
        (b'{"exposures": [{"history": [], "candidate": "A"}], "seed": -1}', 422, "seed"),
    ],
)
def test_a_malformed_request_is_told_where_and_what(shared_client, body, status, words):
    answer = shared_client.post(
        "/v1/clicks", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == status
    error = answer.json()["error"]
    assert words in error["message"]
    assert set(error) == {"type", "message"}


@pytest.fixture(scope="module")
def shared_client():
    with service(agent_of(ScriptedEngine(_liking))) as (client, _):
        yield client


def test_other_content_types_are_refused_so_that_no_web_page_can_ask(shared_client):
    answer = shared_client.post("/v1/clicks", content=b'{"exposures": []}')
    assert answer.status_code == 422
    assert "Content-Type: application/json" in answer.json()["error"]["message"]


def test_unknown_paths_and_methods_are_told_what_there_is(shared_client):
    missing, wrong = shared_client.get("/v1/click"), shared_client.get("/v1/clicks")
    assert (missing.status_code, wrong.status_code) == (404, 405)
    assert "/openapi.json" in missing.json()["error"]["message"]
    assert wrong.headers["allow"] == "POST"


def test_probes_name_the_agent(shared_client):
    alive, ready = shared_client.get("/healthz"), shared_client.get("/readyz")
    assert (alive.status_code, ready.status_code) == (200, 200)
    assert ready.json() == {
        "status": "ready",
        "agent": "agent(scripted, movies/click-en v2, sample)",
    }


def test_metrics_count_requests_batches_and_the_engine(shared_client):
    before = _metrics(shared_client)
    for _ in range(3):
        shared_client.post("/v1/clicks", json=films("Solaris", "Heat"))
    shared_client.get("/somewhere/else")
    after = _metrics(shared_client)
    grown = {name: after[name] - before.get(name, 0) for name in after}
    assert grown['nudgesim_requests_total{endpoint="/v1/clicks",status="200"}'] == 3
    assert grown['nudgesim_requests_total{endpoint="other",status="404"}'] == 1
    assert grown["nudgesim_decisions_total"] == 6
    assert grown["nudgesim_batch_rows_sum"] == 6
    assert grown["nudgesim_batch_requests_sum"] == 3
    assert grown["nudgesim_engine_decisions_total"] == 6
    assert grown['nudgesim_request_seconds_count{endpoint="/v1/clicks"}'] == 3
    assert after["nudgesim_queue_rows"] == 0


def _metrics(client: httpx.Client) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    return {
        name: float(value)
        for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    }


def test_the_interface_describes_itself_with_examples(shared_client):
    schema = shared_client.get("/openapi.json").json()
    assert set(schema["paths"]) == {
        "/v1/clicks",
        "/v1/probabilities",
        "/healthz",
        "/readyz",
        "/metrics",
    }
    for path in ("/v1/clicks", "/v1/probabilities"):
        asked = schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        name = asked["schema"]["$ref"].rsplit("/", 1)[1]
        example = schema["components"]["schemas"][name]["examples"][0]
        assert shared_client.post(path, json=example).status_code == 200


def test_a_failing_engine_is_503_and_not_ready():
    def out_of_memory(text: str) -> float:
        raise EngineError("The model ran out of memory; lower --batch-rows.")

    with service(agent_of(ScriptedEngine(out_of_memory))) as (client, _):
        answer = client.post("/v1/clicks", json=films("Solaris"))
        ready, alive = client.get("/readyz"), client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["error"] == {
        "type": "EngineError",
        "message": "The model ran out of memory; lower --batch-rows.",
    }
    assert int(answer.headers["retry-after"]) > 0
    assert (ready.status_code, ready.json()["status"]) == (503, "engine failing")
    assert alive.status_code == 200


def test_draws_do_not_depend_on_company():
    """Rows 0, 1, 2 of a request have the draws of rows 0, 1, 2, whoever else is in the batch."""
    agent = agent_of(ScriptedEngine(0.5))
    with service(agent) as (client, _):
        exposures = films(*"ABCDEFGH")["exposures"]
        whole = client.post("/v1/clicks", json={"exposures": exposures, "seed": 3}).json()
        part = client.post("/v1/clicks", json={"exposures": exposures[:3], "seed": 3}).json()
    assert part["decisions"] == whole["decisions"][:3]
    assert len({d["clicked"] for d in whole["decisions"]}) == 2
    assert np.mean([d["clicked"] for d in whole["decisions"]]) > 0
