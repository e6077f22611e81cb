import numpy as np
import pytest

from prompts import PromptRenderer, load_template, template_names
from prompts.window import windowed
from simulator.data.demo import demo_split, load_demo
from simulator.engines.encoding import Encoder
from simulator.engines.labels import label_tokens
from simulator.errors import ConfigError, DataError
from simulator.training import POCKET, NetworkSettings, TrainingSettings, Variety, train_pocket
from simulator.training.lessons import favourite_lessons, lessons
from simulator.training.tokenizer import LABELS, train_tokenizer
from simulator.training.wording import Wording

WINDOW = (20, 5)


@pytest.fixture(scope="module")
def world():
    return load_demo()


@pytest.fixture(scope="module")
def tokenizer(world):
    return train_tokenizer(
        world.catalogue, [load_template(n) for n in template_names()], POCKET.network
    )


def test_single_slates_are_the_log_with_the_history_of_the_moment(world):
    users = demo_split().held_out[:5]
    made = list(lessons(world, users, slates=1, window=WINDOW))
    rows = np.concatenate([one.rows for one in made])
    np.testing.assert_array_equal(np.sort(rows), np.flatnonzero(np.isin(world.log.user, users)))
    shown = world.logged_exposures(np.array([one.rows[0] for one in made]))
    for k, one in enumerate(made):
        np.testing.assert_array_equal(one.history, shown.history[k][-len(one.history) :])
        assert 15 < len(one.history) <= 20


def test_exact_lessons_share_a_beginning_and_see_their_moment(world):
    users = demo_split().held_out[:5]
    made = list(lessons(world, users, window=WINDOW))
    rows = np.concatenate([one.rows for one in made])
    np.testing.assert_array_equal(np.sort(rows), np.flatnonzero(np.isin(world.log.user, users)))
    for one in made:
        shown = world.logged_exposures(one.rows)
        expected = windowed(shown.history, *WINDOW)
        for k, seen in enumerate(one.seen.tolist()):
            np.testing.assert_array_equal(one.history[:seen], expected[k])
    assert len(made) < len(rows) / 8


def test_longer_lessons_cover_everything_once_and_never_leak(world):
    users = demo_split().train[:40]
    made = list(
        lessons(
            world,
            users,
            slates=3,
            window=WINDOW,
            rng=np.random.default_rng(0),
            short_history_share=0.5,
        )
    )
    rows = np.concatenate([one.rows for one in made])
    assert len(rows) == len(np.unique(rows)) == 40 * 80
    for one in made:
        assert len(one.rows) <= 24
        assert len(np.unique(world.log.user[one.rows])) == 1
        assert not np.isin(one.items, one.history).any()
        np.testing.assert_array_equal(one.clicked, world.log.clicked[one.rows])
    assert min(len(one.history) for one in made) < 10


def test_favourite_lessons_ask_about_accepted_and_never_accepted_films(world):
    users = demo_split().train[:7]
    made = favourite_lessons(world, users, rng=np.random.default_rng(0))
    for _ in range(14):
        one = next(made)
        assert len(one.history) == 10
        assert one.clicked.tolist() == [True] * 6 + [False] * 14
        assert not np.isin(one.items, one.history).any()


def test_parts_end_to_end_are_the_prompt(world, tokenizer):
    shown = world.logged_exposures(np.arange(0, len(world.log), 4_801))
    for name in template_names():
        renderer = PromptRenderer(load_template(name), world.catalogue)
        for prompt in renderer.render(shown.history, shown.item):
            static, user, candidate = (
                tokenizer.encode(p) for p in (prompt.static, prompt.user, prompt.candidate)
            )
            assert static + user + candidate == tokenizer.encode(prompt.text)
            assert tokenizer.decode(tokenizer.encode(prompt.text)) == prompt.text


def test_labels_and_genres_are_single_tokens(world, tokenizer):
    assert {len(tokenizer.encode(word)) for word in (*LABELS, " yes", " no")} == {1}
    assert {len(tokenizer.encode(name)) for name in world.catalogue.category_names} == {1}
    for name in template_names():
        label_tokens(tokenizer.encode, load_template(name).labels.pair)


def _wording(name, world, tokenizer):
    return Wording(load_template(name), world.catalogue, Encoder(tokenizer, 1024))


def test_wording_is_the_template(world, tokenizer):
    wording = _wording("movies/click-en", world, tokenizer)
    for lesson in lessons(world, np.array([3]), window=WINDOW):
        worded = wording.word(lesson, wording.static())
        shown = world.logged_exposures(lesson.rows)
        prompts = PromptRenderer(wording.template, world.catalogue).render(
            shown.history, shown.item
        )
        assert worded.tree.prompts() == [tokenizer.encode(prompt.text) for prompt in prompts]
    answered = wording.word(lesson, wording.static(), with_answers=True)
    words = [tokenizer.decode(branch[-1:]) for branch in answered.tree.branches]
    assert words == [" yes" if clicked else " no" for clicked in lesson.clicked]


def test_what_exceeds_the_window_is_left_out(world, tokenizer):
    lesson = next(lessons(world, np.array([3]), window=WINDOW))
    wide = _wording("movies/click-en", world, tokenizer)
    lengths = [len(ids) for ids in wide.word(lesson, wide.static()).tree.prompts()]
    for window, kept in ((max(lengths), sum(n < max(lengths) for n in lengths)), (5, 0)):
        narrow = Wording(wide.template, world.catalogue, Encoder(tokenizer, window))
        worded = narrow.word(lesson, wide.static())
        assert (0 if worded is None else len(worded.clicked)) == kept


def test_manners(world, tokenizer):
    wording = _wording("movies/click-zh", world, tokenizer)
    lesson = next(lessons(world, np.array([3]), window=WINDOW))
    bare = wording.prompts(lesson, "", manner="no categories")[0].user
    strange = wording.prompts(lesson, "", manner="strange titles", rng=np.random.default_rng(0))[
        0
    ].user
    first = int(lesson.history[0])
    title, genres = world.catalogue.titles[first], ", ".join(world.catalogue.categories[first])
    assert title in bare
    assert genres not in bare
    assert title not in strange.splitlines()[1]
    assert genres in strange.splitlines()[1]
    assert [tokenizer.decode([token]) for token in wording.answers] == ["否", "是"]


def test_whole_titles_are_tokens_wherever_a_template_quotes_them(world):
    templates = [load_template(n) for n in template_names()]
    tokenizer = train_tokenizer(world.catalogue, templates, NetworkSettings())
    title = world.catalogue.titles[7]
    assert len(tokenizer.encode(f'"{title}"')) == 1
    assert len(tokenizer.encode(title)) > 1
    text = load_template("movies/click-en").render_static() + f'Recommended: "{title}" (Drama)'
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_only_the_demo_world(data, tmp_path):
    with pytest.raises(DataError, match="load_demo"):
        train_pocket(data, tmp_path)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (TrainingSettings, {"epochs": 0}),
        (TrainingSettings, {"main_share": 1.5}),
        (NetworkSettings, {"hidden": 40}),
        (Variety, {"examples": -0.1}),
    ],
)
def test_settings_out_of_range(kind, wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        kind(**wrong)
