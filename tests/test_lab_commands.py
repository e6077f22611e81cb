import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from lab_worlds import knowing, world

import simulator.data
from prompts import load_examples, load_template
from simulator.config import AgentConfig
from simulator.domain import Dataset
from simulator.engines import ScriptedEngine
from simulator.engines.cached import CachedEngine
from simulator.engines.decision_cache import DecisionCache

Command = Callable[..., tuple[int, str, str]]
SWEEP = ("--axes", "categories,direction,order", "--exposures", "300")


@pytest.fixture(autouse=True)
def scripted(data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptedEngine:
    """The commands meet the small world, and an engine that likes newest-first prompts."""
    engine = ScriptedEngine(knowing({"newest first": 1.0, "choosy, please": 0.9}, otherwise=0.4))

    def start(settings: AgentConfig) -> CachedEngine:
        return CachedEngine(engine, DecisionCache(tmp_path / "decisions.sqlite"))

    monkeypatch.setattr("simulator.lab.laboratory.start_engine", start)
    monkeypatch.setattr("simulator.lab.laboratory.load_dataset", lambda name: world(data))
    monkeypatch.setattr(simulator.data, "load_dataset", lambda name: world(data))
    monkeypatch.chdir(tmp_path)
    return engine


def test_a_prompt_is_begun_edited_compared_and_judged(command: Command, tmp_path: Path) -> None:
    code, _, errors = command("prompts", "new", "mine")
    assert code == 0
    assert "mine.j2 is movies/click-en version 2, to be edited" in errors
    file = tmp_path / "mine.j2"
    template = load_template(file)
    assert (template.name, template.version) == ("mine", 1)
    assert template.render_static() == load_template("movies/click-en").render_static()

    file.write_text(file.read_text("utf-8").replace("choosy:", "choosy, please:"), "utf-8")
    code, out, _ = command("prompts", "diff", "movies/click-en", "mine.j2", "--user", "u3")
    assert code == 0
    assert out.count("choosy, please:") == 2  # in the text, and in the prompt
    assert "Prompt for user u3" in out

    code, out, _ = command("prompts", "eval", "mine.j2", "--exposures", "300", "--export", "e.csv")
    assert code == 0
    assert "small, development users: 300 exposures" in out
    table = pd.read_csv(tmp_path / "e.csv", index_col=0)
    assert list(table.index) == ["mine", "movies/click-en"]
    assert table.loc["mine", "log_loss_difference_high"] < 0

    code, out, _ = command("prompts", "board")
    assert code == 0
    assert out.index("mine v1") < out.index("movies/click-en v2")


def test_settings_are_multiplied(command: Command) -> None:
    many = ("--examples", "shipped", "--examples", "none", "--labels", "yes/no", "--labels", "1/0")
    code, _, _ = command("prompts", "eval", *many, "--exposures", "100", "--export", "e.csv")
    assert code == 0
    assert set(pd.read_csv("e.csv")["variant"]) == {
        "movies/click-en",
        "movies/click-en [1 to click, 0 to skip]",
        "movies/click-en [examples none]",
        "movies/click-en [1 to click, 0 to skip, examples none]",
    }


def test_the_incumbent_stays_one_that_is_named_again(command: Command) -> None:
    command("prompts", "new", "mine")
    names = ("mine.j2", "movies/click-en")
    code, out, _ = command("prompts", "eval", *names, "--exposures", "100", "--export", "e.csv")
    assert code == 0
    assert "Δ to movies/click-en" in " ".join(out.split())
    gaps = pd.read_csv("e.csv", index_col=0)["log_loss_difference"]
    assert gaps.isna().to_dict() == {"mine": False, "movies/click-en": True}


def test_exchanged_labels_are_said_to_be(command: Command) -> None:
    labels = ("--labels", "no/yes", "--exposures", "100", "--export", "e.csv")
    assert command("prompts", "eval", *labels)[0] == 0
    assert "movies/click-en [no to click, yes to skip, against the words]" in set(
        pd.read_csv("e.csv")["variant"]
    )


def test_several_models_follow_each_other(command: Command) -> None:
    models = ("--model", "one", "--model", "two")
    code, out, _ = command("prompts", "eval", *models, "--exposures", "100", "--export", "e.csv")
    assert code == 0
    assert out.count("small, development users: 100 exposures") == 2
    assert len(pd.read_csv("e.csv")) == 2


def test_looks_at_the_test_users_are_told(command: Command) -> None:
    for words in ("once", "twice", "3 times"):
        code, out, _ = command("prompts", "eval", "--test", "--exposures", "50")
        assert code == 0
        assert f"The test users of small have been looked at {words}, this time included." in out
    code, out, _ = command("prompts", "eval", "--exposures", "50")
    assert "looked at" not in out
    _, out, _ = command("prompts", "board")
    assert "The test users of small have been looked at 3 times." in out


def test_a_sweep_finds_the_best_and_saves_it(command: Command, tmp_path: Path) -> None:
    code, out, errors = command("prompts", "sweep", *SWEEP, "--save", "best")
    assert code == 0, errors
    assert "Best: movies/click-en [newest first]." in out
    assert "% saved" in out
    assert "Spread of movies/click-en [newest first]" in out
    assert "to the incumbent is larger than the spread" in out
    assert "is chosen on the users it is judged on" in " ".join(errors.split())
    saved = load_template(tmp_path / "best.j2")
    assert "newest first" in saved.text
    assert len(load_examples(tmp_path / "best.yaml")) == 2
    code, _, errors = command("prompts", "sweep", *SWEEP, "--save", "best")
    assert code == 2
    assert "best.yaml is there already" in errors


def test_a_sweep_without_a_race_asks_all(command: Command, tmp_path: Path) -> None:
    code, out, _ = command("prompts", "sweep", *SWEEP, "--no-race", "--export", "s.md")
    assert code == 0
    assert "% saved" not in out
    assert "| movies/click-en [without categories] |" in (tmp_path / "s.md").read_text("utf-8")


def test_wrong_decisions_are_shown_with_their_prompts(command: Command) -> None:
    code, out, _ = command(
        "prompts", "errors", "--exposures", "200", "--n", "2", "--segment", "category=Odd"
    )
    assert code == 0
    assert "movies/click-en by segment" in out
    assert "1. log-loss" in out
    assert out.count("Answer:\n") >= 2
    assert "other words 0.000" in out
    assert command("prompts", "errors", "--segment", "Horror")[0] == 2


def test_a_prompt_comes_back_out_of_the_book(command: Command, tmp_path: Path) -> None:
    command("prompts", "new", "mine")
    command("prompts", "eval", "mine.j2", "--exposures", "50")
    (tmp_path / "mine.j2").unlink()
    code, _, errors = command("prompts", "new", "again", "--from", "#2")
    assert code == 0, errors
    assert load_template(tmp_path / "again.j2").front_matter.history.window == 20
    code, _, errors = command("prompts", "new", "more", "--from", "#77")
    assert code == 2
    assert "no evaluation number 77" in errors


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{{ item }}", "{{ itm }}", r"column \d+: block 'candidate' has no variable 'itm'"),
        ("{{ item }}", "{{ item }", r"line \d+, column \d+: .*unexpected '}'"),
        ("{{ item }}", "{{ item.titel }}", "Did you mean 'title'.*It has: categories, text, title"),
        ("click: 'yes'", "click: 'no'", "click and skip must be different words"),
    ],
)
def test_a_faulty_template_is_told_where(
    command: Command, tmp_path: Path, old: str, new: str, message: str
) -> None:
    command("prompts", "new", "mine")
    file = tmp_path / "mine.j2"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")
    code, _, errors = command("prompts", "eval", "mine.j2", "--exposures", "50")
    assert code == 2
    assert "mine.j2" in errors
    assert re.search(message, errors), errors


def test_what_cannot_be_done_is_refused(
    command: Command, tmp_path: Path, scripted: ScriptedEngine
) -> None:
    command("prompts", "new", "mine")
    code, _, errors = command("prompts", "new", "mine")
    assert code == 2
    assert "mine.j2 is there already" in errors
    for name in ("a/b", "", ".."):
        code, _, errors = command("prompts", "new", name)
        assert code == 2
        assert "is no name for a template's file" in errors
    for arguments, message in (
        (("eval", "--labels", "yes"), "write the word for a click, /"),
        (("eval", "none.j2"), "cannot read the template"),
        (("eval", "--export", "board.xls"), "kind of file '.xls'"),
        (("sweep", "--axes", "wordings"), "Did you mean 'wording'"),
        (("serve", "--port", "99999"), "65535"),
        (("board", "--sort", "accuracy"), "Unknown column 'accuracy'"),
        (("eval", "#x"), "write # and the number"),
    ):
        code, _, errors = command("prompts", *arguments, "--book", "b.sqlite")
        assert code == 2, arguments
        assert message in errors
    assert not scripted.prompts  # all of it is told before anybody is asked
    (tmp_path / "noise.sqlite").write_bytes(b"noise " * 1000)
    code, _, errors = command("prompts", "board", "--book", "noise.sqlite")
    assert code == 2
    assert "This is no lab book" in errors


def test_an_empty_board_says_how_to_fill_it(command: Command) -> None:
    code, _, errors = command("prompts", "board")
    assert code == 0
    assert "`nudgesim prompts eval` makes one" in errors
