import hashlib
from pathlib import Path

import pytest

from prompts import Example, ShownItem, load_template, template_names
from simulator.errors import PromptError, UnknownNameError

ALIEN = ShownItem("Alien", ("Horror", "Sci-Fi"))
EMMA = ShownItem("Emma")
HEAD = """---
name: mine
version: 3
language: en
domain: general
description: A test.
labels: {click: "yes", skip: "no"}
history: {window: 4, drop: 2}
---
"""
BODY = """{% block static %}
Say {{ labels.click }}.
{% endblock %}
{% block user %}
{% for past in history %}
{{ past }}
{% endfor %}
{% endblock %}
{% block candidate %}
{{ item }}?
Answer:
{% endblock %}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.j2"
    path.write_text(text, encoding="utf-8")
    return path


def test_five_domains_in_two_languages() -> None:
    domains = ("games", "general", "movies", "music", "news")
    assert template_names() == tuple(f"{d}/click-{lang}" for d in domains for lang in ("en", "zh"))


@pytest.mark.parametrize("name", template_names())
def test_a_shipped_template_describes_itself(name: str) -> None:
    template = load_template(name)
    front_matter = template.front_matter
    assert template.name == name == f"{front_matter.domain}/click-{front_matter.language}"
    assert template.version >= 1
    assert template.labels.pair == (("yes", "no") if name.endswith("en") else ("是", "否"))
    assert (template.history.window, template.history.drop) == (20, 5)
    assert template.sha256 == hashlib.sha256(template.path.read_bytes()).hexdigest()
    assert template.text.startswith("---\n")


@pytest.mark.parametrize("name", template_names())
def test_a_shipped_template_renders(name: str) -> None:
    template = load_template(name)
    static = template.render_static()
    assert len(static) < 450
    for label in template.labels.pair:
        assert label in static
    user = template.render_user([EMMA, ALIEN])
    assert user.splitlines()[1:] == ['"Emma"', '"Alien" (Horror, Sci-Fi)']
    candidate = template.render_candidate(ALIEN)
    assert '"Alien" (Horror, Sci-Fi)\n' in candidate
    assert candidate.endswith("Answer:" if name.endswith("en") else "回答：")
    empty = template.render_user([])
    assert ("nothing yet" if name.endswith("en") else "暂无") in empty
    for part in (static, user, empty):
        assert part.endswith("\n")
        assert "{" not in part


@pytest.mark.parametrize("name", template_names())
@pytest.mark.parametrize("clicked", [True, False])
def test_an_example_looks_exactly_like_the_question(name: str, clicked: bool) -> None:
    template = load_template(name)
    label = template.labels.click if clicked else template.labels.skip
    gap = " " if name.endswith("en") else ""
    static = template.render_static([Example((EMMA, ALIEN), ALIEN, clicked)])
    question = template.render_user([EMMA, ALIEN]) + template.render_candidate(ALIEN)
    assert static == template.render_static() + question + gap + label + "\n\n"


def test_an_own_template_by_its_path(tmp_path: Path) -> None:
    template = load_template(write(tmp_path, HEAD + BODY))
    assert (template.name, template.version, template.history.window) == ("mine", 3, 4)
    assert template.render_static() == "Say yes.\n"
    assert template.render_candidate(ALIEN) == '"Alien" (Horror, Sci-Fi)?\nAnswer:'
    assert template.render_user([]) == ""


def test_line_ends_and_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    plain = load_template(write(tmp_path, HEAD + BODY))
    other = tmp_path / "windows.j2"
    other.write_bytes(b"\xef\xbb\xbf" + (HEAD + BODY).replace("\n", "\r\n").encode())
    assert load_template(str(other)).sha256 == plain.sha256


def test_unknown_names_get_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'movies/click-en'\?"):
        load_template("movie/click-en")
    with pytest.raises(PromptError, match=r"none\.j2: cannot read the template"):
        load_template(tmp_path / "none.j2")
    latin = tmp_path / "latin.j2"
    latin.write_bytes(HEAD.encode() + "é".encode("latin-1"))
    with pytest.raises(PromptError, match="save it as UTF-8"):
        load_template(latin)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version: 3\n", "", "field 'version': the field is missing"),
        ("version: 3", 'version: "3"', "field 'version'"),
        ("version: 3", "version: 0", "field 'version'"),
        ("version: 3", "version: 3\nauthor: me", "field 'author': there is no such field"),
        ("domain: general", "domain: shoes", "field 'domain'.*'movies'"),
        ("language: en", "language: English", "field 'language'"),
        ('click: "yes"', "click: yes", "'labels.click': True is not a text; YAML needs quotes"),
        ('skip: "no"', 'skip: "yes"', "field 'labels': click and skip must be different"),
        ('skip: "no"', 'skip: " no"', "field 'labels.skip'"),
        ("drop: 2", "drop: 5", "field 'history': drop must not be larger than window"),
        ("window: 4", "window: 0", "field 'history.window'"),
        ("version: 3", "version: [3", "line 4: not valid YAML"),
        ("version: 3", "version: \x07", "not valid YAML"),
        ("---\nname", "name", "no front matter"),
        ("}\n---\n", "}\n", "no front matter"),
    ],
)
def test_a_faulty_front_matter_names_file_and_field(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in HEAD
    path = write(tmp_path, HEAD.replace(old, new) + BODY)
    with pytest.raises(PromptError, match=f"mine.j2.*{message}"):
        load_template(path)


def test_an_empty_front_matter(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"mine\.j2: front matter, .*dictionary"):
        load_template(write(tmp_path, "---\n---\n" + BODY))


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("{{ labels.click }}", "{{ labels.click }", 11, "unexpected '}'"),
        ("{% endfor %}\n", "", 16, "Unexpected end of block|unknown tag 'endblock'"),
        ("in history", "in histroy", 14, "no variable 'histroy'. Did you mean 'history'"),
        ("{{ item }}", "{{ history }}", 19, "'candidate' has no variable 'history'"),
        ("Say", "{{ item }}", 11, "'static' has no variable 'item'"),
        ("{{ past }}", "{{ past | random }}", 15, "No filter named 'random'"),
        ("Say", "{% include 'a' %}", 11, "cannot load another file"),
        ("{% block user %}", "\nHello\n{% block user %}", 14, "text outside the blocks"),
        ("{% block user %}", "{{ labels }}{% block user %}", 13, "text outside the blocks"),
    ],
)
def test_a_faulty_body_is_refused_with_file_and_line(
    tmp_path: Path, old: str, new: str, line: int, message: str
) -> None:
    assert old in BODY
    path = write(tmp_path, HEAD + BODY.replace(old, new))
    with pytest.raises(PromptError, match=rf"mine\.j2, line {line}(, column \d+)?: .*({message})"):
        load_template(path)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("", "none"),
        (BODY.replace("block user", "block usr"), "static, usr, candidate"),
        (BODY[: BODY.index("{% block candidate")], "static, user"),
        (BODY + "{% block more %}{% endblock %}", "static, user, candidate, more"),
    ],
)
def test_the_three_blocks_are_required(tmp_path: Path, body: str, found: str) -> None:
    with pytest.raises(PromptError, match=f"must be static, user, candidate.*found {found}"):
        load_template(write(tmp_path, HEAD + body))


@pytest.mark.parametrize(
    "attack",
    [
        "{{ item.__class__ }}",
        "{{ item.title.__class__.__mro__[1].__subclasses__() }}",
        "{{ ''.__class__ }}",
        "{{ item.__init__.__globals__ }}",
        "{{ labels.parse_file('/etc/hostname') }}",
        "{{ labels.update({'click': 'no'}) }}",
        "{{ item.title.format.__self__.__class__ }}",
        "{{ '{0.__class__}'.format(item) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ range(10000000) | list }}",
        "{{ 1 / 0 }}",
        "{{ item.director }}",
        "{{ labels.clik }}",
    ],
)
def test_what_the_sandbox_refuses(tmp_path: Path, attack: str) -> None:
    path = write(tmp_path, HEAD + BODY.replace("{{ item }}", f"First line.\n{attack}"))
    template = load_template(path)
    with pytest.raises(PromptError, match=r"mine\.j2, line 20(, column \d+)?, block 'candidate': "):
        template.render_candidate(ALIEN)


@pytest.mark.parametrize("name", template_names())
def test_other_labels_change_the_question_and_the_examples_and_nothing_else(name: str) -> None:
    template = load_template(name)
    examples = [Example((EMMA,), ALIEN, True), Example((ALIEN,), EMMA, False)]

    letters = template.with_labels("⟨A⟩", "⟨B⟩")

    assert letters.labels.pair == ("⟨A⟩", "⟨B⟩")
    assert letters.name == f"{name} [labels ⟨A⟩/⟨B⟩]"
    static = letters.render_static(examples)
    assert (static.count("⟨A⟩"), static.count("⟨B⟩")) == (2, 2)
    back = letters.with_labels(*template.labels.pair)
    assert back.render_static(examples) == template.render_static(examples)
    assert len({t.sha256 for t in (template, letters, letters.with_labels("⟨B⟩", "⟨A⟩"))}) == 3


def test_a_variant_is_the_file_that_somebody_could_have_written(tmp_path: Path) -> None:
    template = load_template(write(tmp_path, HEAD + BODY))
    variant = template.with_labels("1", "0").with_history(2, 1).without_categories()

    read = load_template(write(tmp_path, variant.text))

    assert (read.name, read.sha256) == (variant.name, variant.sha256)
    assert read.name == "mine [labels 1/0] [window 2, drop 1] [without categories]"
    assert (read.labels.pair, read.history.window, read.history.drop) == (("1", "0"), 2, 1)
    assert read.render_candidate(ALIEN) == '"Alien"?\nAnswer:'
    assert read.render_user([ALIEN]) == '"Alien"\n'


def test_other_words_in_the_text() -> None:
    template = load_template("movies/click-en")
    examples = [Example((EMMA,), ALIEN, True)]

    reworded = template.with_phrases("short", {"Recommended:": "Shown:", "not there": "x"})

    assert reworded.name == "movies/click-en [short]"
    assert reworded.render_candidate(EMMA) == 'Shown: "Emma"\nAnswer:'
    expected = template.render_static(examples).replace("Recommended:", "Shown:")
    assert reworded.render_static(examples) == expected
    with pytest.raises(PromptError, match="none of the phrases 'not there' occurs"):
        template.with_phrases("none", {"not there": "x"})


def test_examples_without_categories() -> None:
    template = load_template("movies/click-en").without_categories()
    static = template.render_static([Example((ALIEN,), ALIEN, True)])
    assert static.count('"Alien"\n') == 2
    assert "Horror" not in static


def test_faulty_variants_are_refused(tmp_path: Path) -> None:
    template = load_template(write(tmp_path, HEAD + BODY))
    with pytest.raises(PromptError, match=r"mine\.j2 \[labels A/A\]: .*'labels'.*different"):
        template.with_labels("A", "A")
    with pytest.raises(PromptError, match="'history': drop must not be larger"):
        template.with_history(2, 3)
    fixed = load_template(write(tmp_path, HEAD + BODY.replace("{{ labels.click }}", "yes or no")))
    with pytest.raises(PromptError, match=r"writes its answers out.*\{\{ labels.click \}\}"):
        fixed.with_labels("A", "B")
