"""What the page of `nudgesim prompts serve` is made of, piece by piece."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from tokenizer_kinds import JOINING, WHOLE, tokenizer_of_kind

from prompts import PromptRenderer, Template, load_template, shipped_examples
from simulator.domain import Dataset, Exposures
from simulator.engines import ScriptedEngine
from simulator.engines.encoding import Encoder
from simulator.errors import ConfigError, DataError, NudgesimError, UnknownNameError
from simulator.interfaces import Prompt
from simulator.lab.page.anatomy import anatomy
from simulator.lab.page.faults import located
from simulator.lab.page.paced_engine import EngineThread, PacedEngine
from simulator.lab.page.pool import Pool
from simulator.lab.page.rendering import FaultyDraftError, render_draft
from simulator.lab.page.template_file import TemplateFile

SHIPPED = "movies/click-en"
TEXT = load_template(SHIPPED).text


@pytest.mark.parametrize("kind", [*JOINING, *WHOLE])
def test_parts_add_up_to_the_prompt_whatever_the_tokenizer(kind: str) -> None:
    encoder = Encoder(tokenizer_of_kind(kind), 4096)
    prompt = Prompt(
        "Reply yes or no.\n", 'Watched:\n"Film 1"\n"Film 2"\n', 'Shown: "Heat"\nAnswer:'
    )
    parts = anatomy(prompt, encoder)
    assert [part.kind for part in parts] == ["static", "history", "candidate"]
    assert "".join(part.text for part in parts) == encoder.display(prompt)
    assert sum(part.tokens or 0 for part in parts) == encoder.count_tokens([prompt])[0]


@pytest.mark.parametrize("kind", ["pocket", "llama-3", "qwen", "llama, raw"])
def test_a_part_ends_where_the_template_ends_it(kind: str) -> None:
    """Among tokenizers for which a line break is a token: there no token reaches over an end."""
    encoder = Encoder(tokenizer_of_kind(kind), 4096)
    prompt = Prompt("Reply yes or no.\n", 'Watched:\n"Film 1"\n', 'Shown: "Heat"\nAnswer:')
    static, history, candidate = anatomy(prompt, encoder)
    assert static.text.endswith("Reply yes or no.\n")
    assert history.text == prompt.user
    assert candidate.text.startswith('Shown: "Heat"\nAnswer:')


def test_without_an_encoder_parts_have_no_tokens() -> None:
    parts = anatomy(Prompt("a", "b", "c"), None)
    assert [(part.text, part.tokens) for part in parts] == [("a", None), ("b", None), ("c", None)]


@pytest.mark.parametrize(
    ("old", "new", "line", "marked", "says"),
    [
        ("Recommended: {{ item }}", "Shown: {{ itm }}", 37, "itm", "Did you mean 'item'?"),
        ("{% for past in history %}", "{% for past in hist %}", 29, "hist", "history, labels"),
        ("{% endif %}", "{% endiff %}", 26, "endiff", "unknown tag"),
        ("{{ labels.skip }} to skip", "{{ labels.no }} to skip", 11, "no", "has no attribute"),
        ("window: 20", "window: 0", 8, "window", "greater than or equal to 1"),
        ('skip: "no"', 'skip: "yes"', 7, "labels", "different words"),
        ("version: 2\n", "", 1, "---", "missing"),
        ("{% block user %}", "{% block usr %}", 10, "{% block static %}", "must be static, user"),
        ("version: 2", "version: [2", 4, "language: en", "not valid YAML"),
    ],
)
def test_a_fault_is_found_in_the_text(
    old: str, new: str, line: int, marked: str, says: str
) -> None:
    text = TEXT.replace(old, new)
    with pytest.raises(NudgesimError) as caught:
        Template.parse(text, Path("my.j2")).render_static()
    fault = located(str(caught.value), "my.j2", text)
    content = text.split("\n")[fault.line - 1]
    assert (fault.place, fault.line) == ("my.j2", line)
    assert content[fault.column - 1 : fault.column - 1 + fault.length] == marked
    assert says in fault.message
    assert "my.j2" not in fault.message


@pytest.fixture
def shown(data: Dataset) -> Exposures:
    return data.logged_exposures(np.array([3, 44, 45]))


def test_drafts_are_rendered_as_runs_render_them(shown: Exposures) -> None:
    template = load_template(SHIPPED)
    assert shown.catalogue is not None
    own = PromptRenderer(template, shown.catalogue, shipped_examples(template))
    rendered = render_draft(TEXT, "my.j2", shown, None)
    assert rendered.prompts == own.render(shown.history, shown.item)
    assert rendered.template.sha256 == template.sha256


@pytest.mark.parametrize(
    ("draft", "says"),
    [
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "loops"),
        ("{{ 'a' * 9999999999 }}", "memory"),
        ("{{ 'a' * 250000 }}", "250,... characters"),
    ],
)
def test_a_draft_that_takes_too_much_is_stopped(shown: Exposures, draft: str, says: str) -> None:
    text = TEXT.replace("Answer:\n{% endblock", draft + "\n{% endblock")
    with pytest.raises(FaultyDraftError, match=says) as stopped:
        render_draft(text, "x", shown, None)
    assert stopped.value.fault.line > 0


def test_users_are_drawn_by_seed_and_found_by_id(data: Dataset) -> None:
    rows = np.arange(100, 400)  # of users 5 to 19
    pool = Pool(data, rows)
    cases = pool.draw(6, 0)
    assert cases == pool.draw(6, 0) != pool.draw(6, 1)
    assert len({pool.user_id(case) for case in cases}) == 6
    assert [pool.logged(case) for case in cases] == [True, False] * 3
    assert pool.user_id(pool.of_user("u7", 0)) == "u7"
    assert len(pool.draw(99, 0)) == 15
    with pytest.raises(ConfigError, match="held out"):
        pool.of_user("u2", 0)
    with pytest.raises(UnknownNameError, match="u99"):
        pool.of_user("u99", 0)
    with pytest.raises(DataError, match="i99"):
        pool.with_item(cases[0], "i99")


def test_another_candidate_has_a_logged_answer_where_it_was_shown(data: Dataset) -> None:
    assert data.log is not None
    pool = Pool(data, np.arange(600))
    case = pool.of_user("u7", 0)
    mine = data.log.item[140:160]
    for item in range(60):
        other = pool.with_item(case, f"i{item}")
        logged = data.log.clicked[140:160][mine == item]
        assert pool.logged(other) == (logged[0] if len(logged) else None)
        exposures = pool.exposures([other])
        assert (exposures.user[0], exposures.item[0]) == (7, item)


def test_a_file_is_saved_inside_of_its_folder_only(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (tmp_path / "elsewhere").symlink_to(tmp_path)
    (folder / "out").symlink_to(tmp_path)
    file = TemplateFile(load_template(SHIPPED).path, TEXT, folder)
    before = file.path.read_bytes()
    assert (file.shipped, file.place) == (True, f"{SHIPPED}.j2")
    with pytest.raises(ConfigError, match="never overwritten"):
        file.save("x")
    for name in ("../x", "/x.j2", "out/x", "a\nb", "no/folder"):
        with pytest.raises(ConfigError):
            file.save("x", name)
    assert file.save("one", "mine") == ""
    assert (file.shipped, file.place) == (False, "mine.j2")
    assert file.save("two") == ""
    assert (folder / "mine.j2").read_text() == "two"
    assert file.path.read_bytes() != before == load_template(SHIPPED).path.read_bytes()


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = TemplateFile(tmp_path / "mine.j2", "text", tmp_path)
    (tmp_path / "folder.j2").mkdir()
    with pytest.raises(ConfigError, match=r"folder\.j2 cannot be written .*another name"):
        file.save("text", "folder", overwrite=True)
    assert file.path.name == "mine.j2"


def test_what_others_wrote_is_replaced_only_on_demand(tmp_path: Path) -> None:
    path = tmp_path / "mine.j2"
    path.write_text(TEXT)
    (tmp_path / "other.j2").write_text("other")
    file = TemplateFile(path, TEXT, tmp_path)
    path.write_text("by another program")
    assert "was changed" in file.save("new")
    assert "exists" in file.save("new", "other.j2")
    assert path.read_text() == "by another program"
    assert file.save("new", overwrite=True) == ""
    assert path.read_text() == "new"
    assert (tmp_path / "other.j2").read_text() == "other"


def test_a_short_call_does_not_wait_for_a_long_one() -> None:
    order: list[int] = []
    half = threading.Event()
    engine = ScriptedEngine(lambda text: 0.5)
    thread = EngineThread(engine)  # type: ignore[arg-type]  # the fake has no settings

    def told(prompts: int) -> None:
        order.append(prompts)
        if len(order) == 2:
            half.set()
            time.sleep(0.05)

    long, short = PacedEngine(thread, told), PacedEngine(thread)
    prompts = [Prompt("", "", str(k)) for k in range(600)]
    asking = threading.Thread(target=long.label_probabilities, args=(prompts, ("yes", "no")))
    asking.start()
    assert half.wait(10)
    short.label_probabilities([Prompt("", "", "short")], ("yes", "no"))
    asking.join()
    thread._thread.shutdown()
    assert sum(order) == 600
    assert sorted(engine.prompts) == sorted([*(prompt.text for prompt in prompts), "short"])
    assert engine.prompts.index("short") == sum(order[:2])
