"""The examples run as they stand, quickly and without a warning, and show what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run_example(name: str, folder: Path, *arguments: str) -> str:
    """What an example prints, run by itself in a folder; a warning is an error."""
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def numbers_after(word: str, text: str) -> list[float]:
    """The first number after each place of a word."""
    return [float(found) for found in re.findall(rf"{word}\D*?(-?[0-9]+(?:\.[0-9]+)?)", text)]


@pytest.mark.slow
def test_users_of_ones_own_tire(tmp_path: Path) -> None:
    lines = run_example("own_click_model.py", tmp_path).splitlines()[2:]
    clicked = [float(line.split()[-1]) for line in lines]
    assert len(clicked) == 10
    assert sum(clicked[:5]) > sum(clicked[5:])


@pytest.mark.slow
def test_functions_recommend(tmp_path: Path) -> None:
    out = run_example("own_recommender.py", tmp_path)
    newest, best = numbers_after("newest:", out) + numbers_after("one_of_each:", out)
    assert 0.1 < newest < best
    assert "of 3000" in out
    assert "of 9000" in out
    assert "Thriller" in out


@pytest.mark.slow
def test_a_click_rate_model_beats_chance(tmp_path: Path) -> None:
    out = run_example("pointwise_scorer.py", tmp_path)
    chance, best, slate = (float(line.split()[-2]) for line in out.splitlines())
    assert best > slate > chance + 0.2
    assert "TopK(click_rate, k=5)" in out


@pytest.mark.slow
def test_a_generator_names_titles(tmp_path: Path) -> None:
    out = run_example("generative_recommender.py", tmp_path)
    assert out.count("round ") == 8
    assert numbers_after("generated_shown", out)[0] > 4000


@pytest.mark.slow
def test_tables_of_ones_own_play(tmp_path: Path) -> None:
    out = run_example("own_data.py", tmp_path)
    assert len(out.splitlines()) == 4
    assert set(re.findall(r"ann|bob", out)) == {"ann", "bob"}
    assert not list(tmp_path.glob("*.csv"))


@pytest.mark.slow
def test_a_prompt_of_ones_own_tells_tastes_apart(tmp_path: Path) -> None:
    out = run_example("own_prompt.py", tmp_path)
    assert "busy-viewer v1" in out
    fright_shining, romance_shining, fright_hall, romance_hall = numbers_after("P.click. =", out)
    assert fright_shining > romance_shining + 0.2
    assert romance_hall > fright_hall + 0.2


@pytest.mark.slow
def test_click_models_are_compared_in_a_report(tmp_path: Path) -> None:
    out = run_example("compare_click_models.py", tmp_path, "mine.html")
    assert "released-code" in out
    page = (tmp_path / "mine.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "fitted" in page


@pytest.mark.slow
def test_a_cascade_asks_the_agent_where_it_is_in_doubt(tmp_path: Path) -> None:
    out = run_example("agent_with_cascade.py", tmp_path)
    agent, distribution = numbers_after("\nagent", out) + numbers_after("\ndistribution", out)
    assert agent + distribution == 160
    assert agent < distribution


def test_the_table_lists_every_example() -> None:
    table = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"`(?:python|node) examples/(\S+?\.\w+)[^`]*`", table)
    assert sorted(listed) == sorted(
        path.name for path in EXAMPLES.iterdir() if path.suffix in {".py", ".mjs"}
    )


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_are_short_and_say_how_to_run_them(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert f"python examples/{path.name}" in text.split('"""')[1]
    assert len(text.splitlines()) <= 80
