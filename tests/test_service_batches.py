"""Between many callers and one engine: merging, the bounded queue, timeouts, the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest
from http_service import GatedEngine, agent_of, films, service

from simulator.engines import ScriptedEngine
from simulator.service import Limits


@pytest.fixture
def callers():
    with ThreadPoolExecutor(16) as pool:
        yield pool


def _ask(client: httpx.Client, *titles: str, path: str = "/v1/clicks") -> httpx.Response:
    return client.post(path, json=films(*titles))


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.002)


def test_requests_that_wait_are_merged_and_each_gets_its_own_answers(callers):
    engine = GatedEngine(lambda text: float(text.split("Film ")[-1].split('"')[0]) / 100)
    with service(agent_of(engine)) as (client, desk):
        first = callers.submit(_ask, client, "Film 99")
        assert engine.began.wait(10)
        rest = [callers.submit(_ask, client, f"Film {k}", f"Film {k + 1}") for k in range(8)]
        _until(lambda: desk.accepted == 9)
        engine.gate.set()
        answers = [asked.result().json()["decisions"] for asked in (first, *rest)]
        metrics = client.get("/metrics").text
    assert engine.batches[0] == 1
    assert len(engine.batches) == 2
    assert [d["probability"] for d in answers[0]] == pytest.approx([0.99])
    for k, decisions in enumerate(answers[1:]):
        assert [d["probability"] for d in decisions] == pytest.approx([k / 100, (k + 1) / 100])
    assert "nudgesim_batch_requests_sum 9.0" in metrics
    assert "nudgesim_batch_rows_sum 17.0" in metrics


def test_both_endpoints_share_the_queue(callers):
    engine = GatedEngine(0.7)
    with service(agent_of(engine)) as (client, desk):
        asked = [
            callers.submit(_ask, client, "A", path=path)
            for path in ["/v1/clicks", "/v1/probabilities"] * 4
        ]
        _until(lambda: desk.accepted == 8)
        engine.gate.set()
        bodies = [answer.result().json() for answer in asked]
    assert sum("decisions" in body for body in bodies) == 4
    assert sum("labels" in body for body in bodies) == 4
    assert len(engine.batches) <= 4  # whatever came first, and one of each kind


def test_a_batch_has_a_bound_and_order_is_kept(callers):
    engine = GatedEngine(0.7)
    limits = Limits(request_rows=4, batch_rows=6, waiting_rows=100)
    with service(agent_of(engine), limits) as (client, desk):
        answers = [callers.submit(_ask, client, "first")]
        assert engine.began.wait(10)
        for k in range(4):
            answers.append(callers.submit(_ask, client, *(f"{k} {row}" for row in range(4))))
            _until(lambda k=k: desk.accepted == k + 2)
        engine.gate.set()
        assert {answer.result().status_code for answer in answers} == {200}
    assert engine.batches == [1, 4, 4, 4, 4]
    asked = [text.split('"')[-2] for text in engine.prompts[1:]]
    assert asked == [f"{k} {row}" for k in range(4) for row in range(4)]


def test_a_full_queue_refuses_at_once_and_takes_again_later(callers):
    engine = GatedEngine(0.7)
    limits = Limits(request_rows=4, batch_rows=4, waiting_rows=4)
    with service(agent_of(engine), limits) as (client, desk):
        asked = [callers.submit(_ask, client, "running")]
        assert engine.began.wait(10)
        asked.append(callers.submit(_ask, client, *"ABCD"))
        _until(lambda: desk.accepted == 2)
        refused = _ask(client, "E")
        assert "nudgesim_queue_rows 4.0" in client.get("/metrics").text
        engine.gate.set()
        assert {answer.result().status_code for answer in asked} == {200}
        later = _ask(client, "E")
    assert refused.status_code == 503
    assert refused.json()["error"]["type"] == "Full"
    assert int(refused.headers["retry-after"]) > 0
    assert later.status_code == 200
    assert not any('"E"' in text for text in engine.prompts[:-1])


def test_who_waits_too_long_hears_so_and_costs_nothing(callers):
    engine = GatedEngine(0.7)
    limits = Limits(request_rows=2, batch_rows=2, waiting_rows=2, seconds=0.3)
    with service(agent_of(engine), limits) as (client, desk):
        running = callers.submit(_ask, client, "running")
        assert engine.began.wait(10)
        waiting = _ask(client, "Xyzzy", "Plugh")
        assert "nudgesim_queue_rows 0.0" in client.get("/metrics").text
        begun = running.result()
        engine.gate.set()
        _until(lambda: len(engine.prompts) == 1)
        assert _ask(client, "after").status_code == 200
    assert (waiting.status_code, begun.status_code) == (504, 504)
    assert "had not begun and was dropped" in waiting.json()["error"]["message"]
    assert "It had begun" in begun.json()["error"]["message"]
    assert not any("Xyzzy" in text for text in engine.prompts)
    assert (desk.accepted, desk.answered) == (3, 1)


def test_who_hangs_up_leaves_the_queue(callers):
    engine = GatedEngine(0.7)
    with service(agent_of(engine)) as (client, desk):
        running = callers.submit(_ask, client, "running")
        assert engine.began.wait(10)
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/clicks", json=films("forgotten"), timeout=0.1)
        _until(lambda: desk.accepted == 2)
        _until(lambda: "nudgesim_queue_rows 0.0" in client.get("/metrics").text)
        engine.gate.set()
        assert running.result().status_code == 200
    assert not any("forgotten" in text for text in engine.prompts)


def test_one_request_that_breaks_the_agent_harms_no_other(callers, caplog):
    def answer(text: str) -> float:
        if "Cursed" in text:
            raise ZeroDivisionError("a secret of the inside")
        return 0.9

    engine = GatedEngine(answer)
    with service(agent_of(engine)) as (client, desk):
        first = callers.submit(_ask, client, "A")
        assert engine.began.wait(10)
        good = [callers.submit(_ask, client, f"B{k}") for k in range(3)]
        bad = callers.submit(_ask, client, "Cursed")
        _until(lambda: desk.accepted == 5)
        engine.gate.set()
        assert {asked.result().status_code for asked in (first, *good)} == {200}
        failed = bad.result()
        assert _ask(client, "A").status_code == 200
        assert client.get("/readyz").status_code == 200
    assert failed.status_code == 500
    assert "secret" not in failed.text
    assert "Traceback" not in failed.text


def test_the_desk_ends_after_all_accepted_questions(callers):
    """Closing while requests wait: they are answered, and new ones are sent away."""
    engine = GatedEngine(0.7)
    with service(agent_of(engine)) as (client, desk):
        asked: list[Future[httpx.Response]] = [
            callers.submit(_ask, client, f"Film {k}") for k in range(10)
        ]
        _until(lambda: desk.accepted == 10)
        desk.closing = True
        sent_away, ready = _ask(client, "late"), client.get("/readyz")
        ender = threading.Timer(0.05, engine.gate.set)
        ender.start()
        assert {answer.result().status_code for answer in asked} == {200}
        ender.join()
    assert sent_away.status_code == 503
    assert sent_away.json()["error"]["type"] == "ShuttingDown"
    assert (ready.status_code, ready.json()["status"]) == (503, "closing")


def test_an_idle_engine_is_asked_at_once():
    with service(agent_of(ScriptedEngine(0.5))) as (client, _):
        _ask(client, "warm")
        times = []
        for _ in range(20):
            start = time.perf_counter()
            _ask(client, "A")
            times.append(time.perf_counter() - start)
    assert sorted(times)[len(times) // 2] < 0.05
