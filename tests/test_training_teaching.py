"""What an agent learns from beside the log: a teacher's opinion, and pasts that might have been."""

from dataclasses import replace

import numpy as np
import pytest

from prompts import Personas, load_template
from simulator.domain import Catalogue, Dataset, ExposureLog, Interactions
from simulator.engines.encoding import Encoder
from simulator.training import (
    NetworkSettings,
    TeacherSettings,
    TrainingSettings,
    Variety,
    recipe,
)
from simulator.training.lesson_plan import LessonPlan
from simulator.training.lessons import lessons
from simulator.training.preparation import Preparation
from simulator.training.shuffled import ShuffledPasts
from simulator.training.teacher import Teacher
from simulator.training.tokenizer import train_tokenizer
from simulator.training.wording import Wording

N_USERS, N_ITEMS = 40, 24
LEARNERS = np.arange(30)
WINDOW = (4, 2)


@pytest.fixture(scope="module")
def world():
    """Even users click the first half of the items, odd ones the second; each is shown 16."""
    rng = np.random.default_rng(5)
    user = np.repeat(np.arange(N_USERS), 16)
    item = np.concatenate([rng.permutation(N_ITEMS)[:16] for _ in range(N_USERS)])
    likes = (item < N_ITEMS // 2) == (user % 2 == 0)
    clicked = rng.random(len(user)) < np.where(likes, 0.9, 0.1)
    time = np.tile(np.arange(100, 116), N_USERS)
    log = ExposureLog(
        user.astype(np.int32), item.astype(np.int32), time, np.full(len(user), -1), clicked
    )
    past = Interactions.from_columns(
        user[clicked], item[clicked], time[clicked], n_users=N_USERS, n_items=N_ITEMS
    )
    catalogue = Catalogue(
        item_ids=[str(k) for k in range(N_ITEMS)],
        titles=[f"Film {k}" for k in range(N_ITEMS)],
        categories=[("East",) if k < N_ITEMS // 2 else ("West",) for k in range(N_ITEMS)],
        domain="movies",
    )
    return Dataset("halves", catalogue, past, [str(k) for k in range(N_USERS)], log)


def _teacher(log, **settings):
    return Teacher(log, LEARNERS, N_ITEMS, TeacherSettings(**settings), seed=0)


def test_the_teacher_knows_what_a_user_was_never_shown(world):
    teacher = _teacher(world.log)
    items = np.arange(N_ITEMS)
    for user in range(6):
        shown = world.log.item[world.log.user == user]
        unseen = np.setdiff1d(items, shown)
        liked = (unseen < N_ITEMS // 2) == (user % 2 == 0)
        opinion = teacher.opinion(user, unseen)
        assert opinion[liked].mean() > opinion[~liked].mean() + 0.15


def test_the_teacher_never_met_held_out_users(world):
    flipped = np.where(world.log.user >= 30, ~world.log.clicked, world.log.clicked)
    other = _teacher(replace(world.log, clicked=flipped))
    items = np.arange(N_ITEMS)
    np.testing.assert_array_equal(_teacher(world.log).opinion(3, items), other.opinion(3, items))


def test_a_taught_lesson_is_the_lesson_and_guesses(world):
    teacher = _teacher(world.log, weight=0.25, guesses=1.0)
    for lesson in lessons(world, LEARNERS, window=WINDOW):
        taught = teacher.taught(lesson, np.random.default_rng(0))
        own, n = len(lesson.items), taught.guessed
        assert taught.decisions == own
        assert n <= own
        np.testing.assert_array_equal(taught.items[:own], lesson.items)
        expected = 0.75 * lesson.clicked + 0.25 * teacher.opinion(lesson.user, lesson.items)
        np.testing.assert_allclose(taught.targets[:own], expected)
        guessed = taught.items[own:]
        np.testing.assert_allclose(taught.targets[own:], teacher.opinion(lesson.user, guessed))
        assert not np.isin(guessed, np.concatenate([lesson.items, lesson.history])).any()
        assert (taught.rows[own:] == -1).all()
        assert (taught.seen[own:] == lesson.seen[-1]).all()


def test_without_weight_and_guesses_the_log_alone_teaches(world):
    teacher = _teacher(world.log, weight=0.0, guesses=0.0)
    lesson = next(lessons(world, LEARNERS, window=WINDOW))
    taught = teacher.taught(lesson, np.random.default_rng(0))
    np.testing.assert_array_equal(taught.targets, lesson.clicked)


def test_a_shuffled_past_parts_a_users_log(world):
    pasts = ShuffledPasts(world, LEARNERS, WINDOW)
    rng, seen = np.random.default_rng(1), set()
    for _ in range(60):
        lesson, past = pasts.lesson(4, rng)
        assert not np.isin(lesson.rows, past).any()
        assert (world.log.user[np.concatenate([lesson.rows, past])] == 4).all()
        clicked = past[world.log.clicked[past]]
        in_time = world.log.item[clicked[np.argsort(world.log.time[clicked])]]
        assert len(lesson.history) <= min(WINDOW[0], len(in_time))
        np.testing.assert_array_equal(lesson.history, in_time[len(in_time) - len(lesson.history) :])
        np.testing.assert_array_equal(lesson.clicked, world.log.clicked[lesson.rows])
        seen.add((len(past), *lesson.rows.tolist()))
    assert len(seen) > 50


def test_users_with_little_have_no_shuffled_past(world):
    few = replace(world, log=world.log.take(np.arange(3)))
    assert ShuffledPasts(few, LEARNERS, WINDOW).lesson(0, np.random.default_rng(0)) is None


def _plan(world, *, shuffled):
    settings = TrainingSettings(
        personas=True,
        variety=Variety(shuffled=shuffled),
        batch_decisions=32,
        network=NetworkSettings(vocabulary=800),
    )
    template = load_template("movies/click-en").with_history(*WINDOW).with_bare_history()
    tokenizer = train_tokenizer(world.catalogue, [template], settings.network)
    wording = Wording(template, world.catalogue, Encoder(tokenizer, 1024))
    personas, teacher = Personas(world), _teacher(world.log, guesses=1.0)
    plan = LessonPlan([wording], world, LEARNERS, settings, personas=personas, teacher=teacher)
    return plan, wording


def test_guesses_do_not_count_as_decisions(world):
    batches = _plan(world, shuffled=0.5)[0].batches()
    sizes = [sum(lesson.decisions for lesson in next(batches)) for _ in range(20)]
    assert 28 <= np.mean(sizes) <= 36


def test_a_persona_tells_of_the_past_alone(world):
    batches = _plan(world, shuffled=0.0)[0].batches()
    told = [lesson for _ in range(12) for lesson in next(batches)]
    whole = [Personas(world).before(lesson.user, lesson.time) for lesson in told]
    assert all(one.persona.known <= all_.known for one, all_ in zip(told, whole, strict=True))
    fresh = [one.persona == all_ for one, all_ in zip(told, whole, strict=True)]
    assert 0.3 < np.mean(fresh) < 0.9


def test_the_prompt_shows_the_persona_and_bare_titles_of_the_past(world):
    plan, wording = _plan(world, shuffled=0.5)
    assert wording.encoder.joins
    for lesson in next(plan.batches()):
        prompts = wording.prompts(lesson, wording.static())
        assert str(lesson.persona) in prompts[0].user
        assert "East)" in prompts[0].candidate or "West)" in prompts[0].candidate
        assert "East)" not in prompts[0].user


def test_title_tokens_start_from_what_the_teacher_knows(world):
    settings = replace(recipe(), network=NetworkSettings(vocabulary=800), stop_share=0.2)
    prepared = Preparation.of(settings, world, (LEARNERS, np.arange(30, N_USERS)))
    table = prepared.base.network.get_input_embeddings().weight.detach().numpy()
    tokens = prepared.base.encoder.tokenizer.get_added_vocab()
    started = np.stack([table[tokens[f'"Film {k}"']] for k in range(N_ITEMS)])
    # The halves of the catalogue lie apart along some feature, and not along what was drawn.
    half = np.arange(N_ITEMS) < N_ITEMS // 2
    gap = np.abs(started[half].mean(axis=0) - started[~half].mean(axis=0)) / started.std(axis=0)
    assert gap[:7].max() > 1.5 > gap[7:].max()


def test_points_start_on_a_line(world):
    settings = replace(recipe(), network=NetworkSettings(vocabulary=800), stop_share=0.2)
    base = Preparation.of(settings, world, (LEARNERS, np.arange(30, N_USERS))).base
    table = base.network.get_input_embeddings().weight.detach().numpy()
    tokens = base.encoder.tokenizer.get_vocab()
    points = np.arange(-40, 41)
    rows = np.stack([table[tokens[f"Ġ{n:+d}"]] for n in points])
    steps = np.diff(rows, axis=0)
    assert np.linalg.norm(steps[0]) > 0.01
    np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), atol=1e-6)


def test_the_recipe_prepares_a_log_without_no_clicks(world):
    settings = replace(recipe(), network=NetworkSettings(vocabulary=800), stop_share=0.2)
    bare = replace(world, log=None)
    prepared = Preparation.of(settings, bare, (LEARNERS, np.arange(30, N_USERS)))
    assert prepared.log.no_clicks == "drawn items"
    assert not prepared.taught
    told = [lesson for lesson in next(prepared.plan.batches()) if lesson.persona.known]
    assert told
    assert all(lesson.persona.click_rate is None for lesson in told)


def test_unknown_titles_are_nobodys(world):
    wording = _plan(world, shuffled=0.0)[1]
    lesson = next(lessons(world, LEARNERS, window=WINDOW))
    rng = np.random.default_rng(0)
    prompt = wording.prompts(lesson, "", manner="unknown titles", rng=rng)[-1]
    titles = {f'"{title}"' for title in world.catalogue.titles}
    assert not any(title in prompt.text for title in titles)
    plain = wording.prompts(lesson, "")[-1]
    assert any(title in plain.text for title in titles)
    assert prompt.candidate.partition(" (")[2] == plain.candidate.partition(" (")[2]
