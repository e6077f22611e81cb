"""Keys and tokens are planted wherever one can be given, and looked for wherever one could go."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from misbehaving_server import CHAT, FakeServer, chat_answer
from small_world import small_world

from simulator.engines import OpenAIServerEngine, open_engine
from simulator.engines.http_exchange import exchange
from simulator.engines.vllm_settings import chosen_options
from simulator.errors import NudgesimError
from simulator.keys import KEY_VARIABLES, hide, hide_bytes, server_key

Command = Callable[..., tuple[int, str, str]]

KEY = "sk-planted/3f9aD7-key"
TOKEN = "hf_planted_7Qz51kLw"
ENTRY = "planted-entry-token-88c1"
PASSWORD = "planted-password-5512"
PLANTED = (KEY, KEY.replace("/", "\\/"), TOKEN, ENTRY, PASSWORD)


@pytest.fixture(autouse=True)
def _plant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUDGESIM_API_KEY", KEY)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("NUDGESIM_SERVE_TOKEN", ENTRY)


def assert_clean(said: str, *folders: Path) -> None:
    """No planted secret in a text, nor in any file below the folders, as text or as a table."""
    for secret in PLANTED:
        assert secret not in said
    for folder in folders:
        for path in filter(Path.is_file, folder.rglob("*")):
            content = path.read_bytes()
            if path.suffix == ".parquet":
                content += pd.read_parquet(path).to_csv().encode()
            for secret in PLANTED:
                assert secret.encode() not in content, f"{secret} in {path}"


def say_back(handler: BaseHTTPRequestHandler, status: int, answer: Any) -> None:
    """Answer with the Authorization header wherever the answer has HEADER."""
    body = json.dumps(answer).replace("HEADER", handler.headers["Authorization"]).encode()
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.send_header("X-Echo", handler.headers["Authorization"])
    handler.end_headers()
    handler.wfile.write(body)


ECHOES: tuple[tuple[int, Any], ...] = (
    (400, {"error": {"message": "no such key: HEADER"}}),
    (422, {"detail": [{"input": "HEADER"}]}),
    (418, "HEADER"),
    (200, {"choices": "HEADER"}),
    (200, {"choices": [{"HEADER": 1}]}),
    (
        200,
        {
            "choices": [
                {
                    "message": {"content": "HEADER"},
                    "logprobs": {
                        "content": [{"top_logprobs": [{"token": "yes", "logprob": "HEADER"}]}]
                    },
                }
            ]
        },
    ),
)


def echoing(path: str, body: dict[str, Any]) -> Any:
    """Every second question is answered, the others with the key."""
    if path != CHAT:
        return 404, {}
    asked = sum(map(ord, body["messages"][0]["content"]))
    if asked % 2:
        return chat_answer({"yes": 0.6, "no": 0.3}, "yes")
    status, answer = ECHOES[asked // 2 % len(ECHOES)]
    return lambda handler: say_back(handler, status, answer)


@pytest.fixture
def server(serve: Callable[..., FakeServer]) -> FakeServer:
    fake = serve(echoing)
    listed = {"data": [{"id": "small", "root": "HEADER", "owned_by": "HEADER"}]}
    fake.models = lambda handler: say_back(handler, 200, listed)
    return fake


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """The small world as tables."""
    data, folder = small_world(), tmp_path / "data"
    folder.mkdir()
    catalogue, log = data.catalogue, data.log
    assert log is not None
    items = {"id": catalogue.item_ids, "name": catalogue.titles}
    items["genres"] = ["|".join(names) for names in catalogue.categories]
    pd.DataFrame(items).to_csv(folder / "items.csv", index=False)
    events = {
        "user": [data.user_ids[row] for row in log.user],
        "item": [catalogue.item_ids[row] for row in log.item],
        "time": 1000 + (pd.Series(range(len(log.user))) % 20),
        "clicked": log.clicked.astype(int),
    }
    pd.DataFrame(events).to_csv(folder / "events.csv", index=False)
    path = folder / "tables.toml"
    path.write_text(
        'name = "small"\ndomain = "movies"\n'
        '[items]\npath = "items.csv"\nitem_id = "id"\ntitle = "name"\ncategories = "genres"\n'
        '[interactions]\npath = "events.csv"\nuser_id = "user"\nitem_id = "item"\ntime = "time"\n'
        'clicked = "clicked"\n'
    )
    return path


RUN = ("--rounds", "2", "--targets", "2", "--recommender", "random", "--max-failure-rate", "1")


@pytest.mark.parametrize("mode", ["sample", "text"])
def test_a_server_that_says_the_key_back(
    command: Command, server: FakeServer, tables: Path, tmp_path: Path, mode: str
) -> None:
    asked = ("--engine", "openai", "--url", server.url, "--data", str(tables))
    out = tmp_path / "out"
    flags = ("--mode", mode, *(["--trust-remote-code"] if mode == "text" else []))
    code, output, errors = command("run", *asked, *RUN, *flags, "--out", str(out))
    assert code == 0, errors
    written = json.loads((out / "manifest.json").read_text())["config"]
    assert ("trust_remote_code" in written) == (mode == "text")
    assert server.keys == {f"Bearer {KEY}"}
    failures = pd.concat(map(pd.read_parquet, sorted((out / "rounds").glob("*.parquet"))))
    assert failures["failure"].astype(str).str.contains("hidden").any() or mode == "text"
    assert_clean(output + errors, tmp_path)


@pytest.mark.slow
def test_comparisons_the_lab_and_forecasts(
    command: Command, server: FakeServer, tables: Path, tmp_path: Path
) -> None:
    asked = ("--engine", "openai", "--url", server.url, "--data", str(tables))
    said = []
    for line in (
        ("run", *asked, *RUN, "--dry-run", "--out", str(tmp_path / "dry")),
        ("compare", "agent", "distribution", *asked, "--out", str(tmp_path / "compared")),
        ("prompts", "eval", "general/click-en", *asked, "--exposures", "60"),
        ("prompts", "eval", "general/click-en", *asked, "--labels", "1/0", "--exposures", "60"),
    ):
        code, output, errors = command(*line)
        said.append(f"{line} {code} {output} {errors}")
    assert len(server.posts) > 60
    assert_clean("".join(said), tmp_path)


URLS = (
    f"http://user:{PASSWORD}@127.0.0.1:9",
    f"http://user:{PASSWORD}/x@127.0.0.1:9",
    f"user:{PASSWORD}@127.0.0.1:9",
    f"//user:{PASSWORD}@127.0.0.1:9",
    f"http://127.0.0.1:9?key={PASSWORD}",
    f"http://127.0.0.1:9/v1#{PASSWORD}",
    f"http://127.0.0.1:9/v1?api_key={PASSWORD}&x=1",
)


@pytest.mark.parametrize("url", URLS)
def test_a_url_that_may_hold_a_secret_is_refused(url: str) -> None:
    with pytest.raises(NudgesimError, match="must hold no name, password") as refused:
        OpenAIServerEngine(url)
    assert_clean(str(refused.value))


@pytest.mark.parametrize("url", [URLS[0], URLS[-1]])
@pytest.mark.parametrize(
    "line",
    [
        ("run", "--out", "OUT", "--url", "URL", "--engine", "openai"),
        ("run", "--out", "OUT", "--url", "URL", "--clicks", "distribution", "--rounds", "1"),
        ("run", "--out", "OUT", "--config", "FILE"),
        ("run", "--out", "OUT", "--config", "TEXT"),
        ("compare", "agent", "--url", "URL", "--engine", "openai", "--out", "OUT"),
        ("compare", "agent:url=URL", "distribution", "--engine", "openai", "--out", "OUT"),
        ("compare", "agent:urls=URL", "--out", "OUT"),
        ("prompts", "eval", "general/click-en", "--engine", "openai", "--url", "URL"),
        ("audit", "titles", "--engine", "openai", "--url", "URL"),
        ("serve", "--engine", "openai", "--url", "URL", "--port", "0"),
    ],
    ids=lambda line: " ".join(line)[:40],
)
def test_secrets_in_urls_are_refused_and_not_repeated(
    command: Command, tables: Path, tmp_path: Path, url: str, line: tuple[str, ...]
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "list.toml").write_text(f'clicks = "distribution"\n[agent]\nurls = ["{url}"]\n')
    (given / "text.toml").write_text(f'clicks = "distribution"\n[agent]\nurls = "{url}"\n')
    words = {
        "OUT": str(tmp_path / "made" / "out"),
        "FILE": str(given / "list.toml"),
        "TEXT": str(given / "text.toml"),
    }
    arguments = [words.get(word, word).replace("URL", url) for word in line]
    data = () if line[0] in ("serve", "audit") else ("--data", str(tables))
    code, output, errors = command(*arguments, *data)
    assert code == 2, output + errors
    (tmp_path / "made").mkdir(exist_ok=True)
    assert_clean(output + errors, tmp_path / "made")


@pytest.mark.parametrize(
    "settings",
    [
        f'[agent]\napi_key = "{PASSWORD}"\n',
        f'api_key = "{PASSWORD}"\n',
        f'[agent]\nurls = [["{PASSWORD}"]]\n',
        f'[agent]\nurls = {{key = "{PASSWORD}"}}\n',
        f'[agent.vllm]\nhf_token = "{PASSWORD}"\n',
        f'[agent]\nvllm = "{PASSWORD}"\n',
    ],
)
def test_secrets_in_settings_are_refused_and_not_repeated(
    command: Command, tables: Path, tmp_path: Path, settings: str
) -> None:
    (tmp_path / "settings.toml").write_text(settings)
    out = ("--out", str(tmp_path / "out"), "--data", str(tables), "--rounds", "1")
    code, output, errors = command("run", "--config", str(tmp_path / "settings.toml"), *out)
    assert code == 2, output + errors
    (tmp_path / "out").mkdir(exist_ok=True)
    assert_clean(output + errors, tmp_path / "out")


def test_options_of_vllm_hold_no_token() -> None:
    with pytest.raises(NudgesimError, match="HF_TOKEN") as refused:
        chosen_options({"hf_token": PASSWORD}, on_cpu=True, cache_gib=None, compiled=None)
    assert_clean(str(refused.value))


@pytest.mark.parametrize("key", [f"{KEY}\n{KEY}", f"{KEY} x", f"{KEY}\u2026", f"\x00{KEY}"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, "NUDGESIM_API_KEY": key})
    with pytest.raises(NudgesimError, match="NUDGESIM_API_KEY has") as refused:
        OpenAIServerEngine("http://127.0.0.1:9")
    assert_clean(str(refused.value))


def test_a_key_with_a_line_break_at_its_end_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUDGESIM_API_KEY", f"{KEY}\r\n")
    assert server_key() == KEY


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_not_shown(serve: Callable[..., FakeServer], status: int) -> None:
    fake = serve(echoing)
    refusal = {"error": {"message": "Incorrect API key provided: HEADER"}}
    fake.models = lambda handler: say_back(handler, status, refusal)
    with pytest.raises(NudgesimError, match="key") as refused:
        open_engine("openai", urls=(fake.url,))
    assert_clean(str(refused.value) + repr(refused.value.__cause__))


def test_a_key_in_a_broken_answer_is_not_shown(serve: Callable[..., FakeServer]) -> None:
    def break_off(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(
            f"HTTP/1.1 200 OK\r\n{handler.headers['Authorization']}\r\n\r\n".encode()
        )
        handler.close_connection = True

    fake = serve(echoing)
    fake.models = break_off
    with pytest.raises(NudgesimError) as refused:
        open_engine("openai", urls=(fake.url,))
    assert_clean(str(refused.value))


def test_a_mirror_with_a_login_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", f"http://user:{PASSWORD}@127.0.0.1:9")
    with pytest.raises(NudgesimError, match="127") as refused:
        open_engine("transformers", model="owner/model")
    assert_clean(str(refused.value))


def test_what_is_hidden_and_what_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hide(f"a {KEY} b {TOKEN} http://me:pw@host/x") == "a [hidden] b [hidden] http://host/x"
    assert hide_bytes(json.dumps({"k": KEY}).replace("/", "\\/").encode()) == b'{"k": "[hidden]"}'
    for name in KEY_VARIABLES:
        monkeypatch.setenv(name, "EMPTY")  # what servers without keys are given
    assert hide_bytes(b"EMPTY") == b"EMPTY"


def test_hiding_leaves_an_answer_without_the_key_as_it_is(server: FakeServer) -> None:
    with httpx.Client() as client:
        answer = exchange(client, "POST", f"{server.url}/nowhere", seconds=5, json={})
    assert answer.body == b"{}"


@pytest.mark.slow
def test_the_service_keeps_its_token_and_the_servers_key(
    server: FakeServer, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = ("serve", "--engine", "openai", "--url", server.url, "--port", str(port))
    running = subprocess.Popen(
        [sys.executable, "-c", "from simulator.cli import main; main()", *line],
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = []
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            for _ in range(600):
                try:
                    if client.get("/readyz").is_success:
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.1)
            exposures = [{"history": ["Alien"], "candidate": f"Film {k}"} for k in range(12)]
            for headers in (
                {"Authorization": f"Bearer {ENTRY}"},
                {"Authorization": f"Basic {ENTRY}x"},
            ):
                for path in ("/v1/clicks", "/v1/probabilities", "/v1/nothing"):
                    sent = client.post(path, json={"exposures": exposures}, headers=headers)
                    said += [str(sent.status_code), sent.text, str(sent.headers)]
                said += [client.get("/metrics", headers=headers).text]
                said += [client.get(f"/metrics?token={PASSWORD}").text]
            running.send_signal(signal.SIGTERM)
            said.append(running.communicate(timeout=30)[0])
    finally:
        running.kill()
        running.wait()
    assert said.count("200") == 2, said
    assert "hidden" in "".join(said)
    assert_clean("".join(said), tmp_path)
