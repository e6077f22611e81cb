from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from simulator.runlog import Run

Command = Callable[..., tuple[int, str, str]]


SMALL = ("--clicks", "distribution", "--rounds", "5", "--targets", "2")


def test_run_compare_and_resume(command: Command, tables: Path, tmp_path: Path) -> None:
    base = ("run", "--data", str(tables), *SMALL)
    for recommender in ("itmprec", "random"):
        out = tmp_path / recommender
        code, output, errors = command(
            *base, "--recommender", recommender, "--out", str(out), "--category", "Odd"
        )
        assert code == 0, errors
        assert "200 decisions" in output
        summary = json.loads((out / "summary.json").read_text())
        assert summary["exposures"] == 200
    before = (tmp_path / "random" / "summary.json").read_bytes()
    code, *_ = command(
        *base, "--recommender", "random", "--out", str(tmp_path / "random"), "--category", "Odd"
    )
    assert code == 0
    assert (tmp_path / "random" / "summary.json").read_bytes() == before

    code, output, errors = command("compare", str(tmp_path / "itmprec"), str(tmp_path / "random"))
    assert code == 0, errors
    assert "IoI@5" in output
    assert "<svg" in (tmp_path / "itmprec" / "report.html").read_text(encoding="utf-8")
    code, output, _ = command(
        "compare", str(tmp_path / "itmprec"), str(tmp_path / "random"), "--markdown"
    )
    assert output.count("|") > 20


def test_settings_from_a_file_with_flags_over_it(
    command: Command, tables: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(
        f'data = "{tables}"\nclicks = "distribution"\nrounds = 3\ntargets = ["i4", "i7"]\n'
        "without = ['arousal']\n[distribution]\nw = 2.0\nb = 0.1\n[nudge]\nkept = 0.5\n",
        encoding="utf-8",
    )
    out = tmp_path / "out"
    code, _, errors = command("run", "--config", str(settings), "--rounds", "2", "--out", str(out))
    assert code == 0, errors
    run = Run.load(out)
    assert run.rounds == 2
    assert run.manifest["config"]["targets"] == ["i4", "i7"]
    assert run.manifest["config"]["clicks"] == "DistributionClicks(w=2.0, b=0.1, noise=0.0)"
    assert set(run.exposures["kept_weight"]) == {0.5}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "--data", "demoo"), "Did you mean 'demo'"),
        (("run", "--recommender", "itmprc"), "Did you mean 'itmprec'"),
        (("run", "--rounds", "0"), "rounds"),
        (
            ("run", "--data", "demo", "--template", "movie/click-en"),
            "Did you mean 'movies/click-en'",
        ),
        (("run", "--data", "demo", "--category", "Horor"), "Did you mean 'Horror'"),
        (("run", "--config", "nowhere.toml"), "nowhere.toml: cannot read"),
        (("run", "--data", "demo", "--w", "1", "--clicks", "distribution"), "both w and b"),
        (("run", "--engine", "openai", "--url", "http://127.0.0.1:9"), "No model at"),
        (("run", "--model", "qwen3-4"), "Did you mean 'qwen3-4b'"),
        (("compare", "nowhere"), "nowhere: neither a run directory nor a click model"),
        (("data", "check", "nowhere.toml"), "nowhere.toml"),
        (("prompts", "render", "--user", "user-1"), "and 570 more"),
        (("prompts", "show", "movies/clik-en"), "Did you mean 'movies/click-en'"),
        (
            ("prompts", "render", "movies/click-en", "--item", "zzz"),
            "'zzz' is not in the catalogue",
        ),
    ],
)
def test_bad_input_ends_with_a_cure_and_exit_code_2(
    command: Command, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    extra = ("--out", str(tmp_path / "out"), "--users", "3", "--targets", "1")
    if arguments[0] != "run":
        extra = ()
    code, _, errors = command(*arguments, *extra)
    assert code == 2, errors
    assert words in errors
    assert "Traceback" not in errors


def test_a_misspelt_setting_is_named(command: Command, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("[agent]\nmodell = 'pocket'\n", encoding="utf-8")
    code, _, errors = command("run", "--config", str(settings), "--out", str(tmp_path / "o"))
    assert code == 2
    assert "Did you mean 'model'" in errors


def test_listings(command: Command) -> None:
    for arguments, words in (
        (("data", "list"), "ml-100k"),
        (("data", "check", "demo"), "click rate"),
        (("data", "show", "demo"), "interactions"),
        (("prompts", "list"), "games/click-zh"),
        (("prompts", "show", "news/click-en"), "{% block candidate %}"),
        (("models",), "qwen3-4b"),
        (("--help",), "compare"),
    ):
        code, output, errors = command(*arguments)
        assert code == 0, errors
        assert words in output


def test_render_prints_exactly_what_the_model_receives(command: Command) -> None:
    code, output, errors = command("prompts", "render", "movies/click-en", "--user", "user-007")
    assert code == 0, errors
    assert output.rstrip().endswith("Answer:")
    assert "tokens" in errors


def test_a_file_in_the_place_of_the_run_directory(
    command: Command, tables: Path, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("mine", encoding="utf-8")
    code, _, errors = command(
        "run", "--data", str(tables), *SMALL, "--out", str(tmp_path / "taken")
    )
    assert code == 2
    assert "taken" in errors
    assert "Traceback" not in errors
    assert (tmp_path / "taken").read_text(encoding="utf-8") == "mine"


def test_an_interrupted_command_says_how_to_go_on(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("simulator.cli.run.build_world", interrupt)
    code, _, errors = command("run", "--out", "anywhere")
    assert code == 130
    assert "repeat its command" in errors
