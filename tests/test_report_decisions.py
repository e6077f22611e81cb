"""The table of decisions: what is kept, that it fits, and that prompts come back to the letter."""

from __future__ import annotations

import html
from dataclasses import replace

import numpy as np
import pytest
import report_parts as parts
from hypothesis import given
from hypothesis import strategies as st

from evals import render_report
from evals.report import Contents, decisions_of_runs
from evals.report.decisions import Decisions
from evals.report.packing import pack, unpack
from evals.report.prefixes import prefixes
from simulator.domain import Clicks, Ragged

ROOM = 4_000_000


@pytest.fixture(scope="module")
def decisions() -> Decisions:
    return parts.decisions(600)


def prompt_of(texts: dict, columns: dict, agent: int, row: int) -> str:
    """As the page puts a prompt together."""

    def joined(letter: str) -> str:
        part = columns[f"a{agent}{letter}"][row] - 1
        start, end = columns[f"a{agent}{letter}s"][[part, part + 1]]
        return "".join(texts["lines"][k] for k in columns[f"a{agent}{letter}l"][start:end])

    static = texts["prompts"][agent][1][columns[f"a{agent}s"][row] - 1]
    return static + joined("u") + joined("c")


def test_every_column_comes_back(decisions: Decisions) -> None:
    texts, columns = unpack(pack(decisions, room=ROOM).text)
    assert texts["models"] == list(decisions.models)
    assert [texts["users"][k] for k in columns["user"]] == decisions.users.tolist()
    titles = [decisions.titles[k] for k in decisions.shown.item]
    assert [texts["titles"][k] for k in columns["item"]] == titles
    assert columns["logged"].tolist() == decisions.logged.tolist()
    assert columns["draw"] / 10_000 == pytest.approx(decisions.shown.draw, abs=5e-5)
    for place, clicks in enumerate(decisions.answers.values()):
        p = np.where(columns[f"p{place}"] == 65_535, np.nan, columns[f"p{place}"] / 10_000)
        np.testing.assert_allclose(p, clicks.probability, atol=6e-5)
        undecided = clicks.source == ""
        assert columns[f"c{place}"].tolist() == np.where(undecided, 2, clicks.clicked).tolist()
    agent = decisions.models.index(parts.TERSE)
    failures = [texts["failures"][agent][k] for k in columns[f"f{agent}"]]
    assert failures == decisions.answers[parts.TERSE].failure.tolist()
    for k, (kind, names) in enumerate(texts["segments"]):
        assert [names[c] for c in columns[f"s{k}"]] == decisions.segments[kind].tolist()
    start = columns["list_start"][columns["history"]]
    for row in (0, 299, 599):
        items = columns["list"][start[row] : start[row] + columns["history_length"][row]]
        told = [texts["titles"][k] for k in items]
        assert told == [decisions.titles[k] for k in decisions.shown.history[row]]


def test_prompts_come_back_to_the_letter(decisions: Decisions) -> None:
    packed = pack(decisions, room=ROOM)
    assert packed.prompted == packed.with_prompts == len(decisions)
    texts, columns = unpack(packed.text)
    for agent, ask in enumerate(decisions.prompts.values()):
        asked = ask(decisions.shown)
        for row in range(len(decisions)):
            assert prompt_of(texts, columns, agent, row) == asked[row].text


def test_where_prompts_do_not_fit_the_most_divergent_keep_theirs(decisions: Decisions) -> None:
    bare = len(pack(replace(decisions, prompts={}), room=ROOM).text)
    whole = len(pack(decisions, room=ROOM).text)
    packed = pack(decisions, room=(bare + whole) // 2)
    assert len(packed.text) <= (bare + whole) // 2
    assert 0 < packed.prompted < packed.with_prompts == len(decisions)
    _, columns = unpack(packed.text)
    kept = columns["a0s"] > 0
    assert kept.sum() == packed.prompted
    gap = decisions.gap()
    assert gap[kept].min() >= gap[~kept].max()


def test_decisions_that_do_not_fit_are_sampled_the_same_each_time(decisions: Decisions) -> None:
    bare = replace(decisions, prompts={})
    room = len(pack(bare, room=ROOM).text) // 2
    packed = pack(bare, room=room)
    assert len(packed.text) <= room
    assert 100 < packed.decisions < packed.total == len(decisions)
    assert pack(bare, room=room) == packed
    texts, columns = unpack(packed.text)
    titles = [decisions.titles[k] for k in decisions.shown.item]
    kept = [
        (texts["users"][u], texts["titles"][i])
        for u, i in zip(columns["user"], columns["item"], strict=True)
    ]
    place = iter(zip(decisions.users, titles, strict=True))
    assert all(any(pair == other for other in place) for pair in kept)  # in order


def test_of_too_many_a_sample_is_kept_and_said(
    decisions: Decisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evals.report.packing.MOST", 500)
    found = replace(decisions, prompts={})
    packed = pack(found, room=ROOM)
    assert (packed.decisions, packed.total) == (500, 600)
    text = html.unescape(render_report(Contents(data="many", decisions=found)))
    assert "A random sample of 500 of 600 decisions" in text


@given(st.lists(st.lists(st.integers(0, 3), max_size=4), max_size=12))
def test_prefixes_give_every_row_back(rows: list[list[int]]) -> None:
    kept, which, length = prefixes(Ragged.from_rows(rows))
    again = [kept[w][:n].tolist() for w, n in zip(which, length, strict=True)]
    assert again == rows
    texts = [kept[k].tobytes() for k in range(len(kept))]
    for one in texts:
        assert sum(other.startswith(one) for other in texts) == 1


def test_runs_name_each_model_and_say_what_was_clicked_before() -> None:
    comparison = parts.comparison()
    found = decisions_of_runs(comparison, parts.data().catalogue)
    assert found.models == (
        "agent",
        "distribution:paper",
        "distribution:w=5,b=0.2",
        "distribution:released-code",
    )
    run = comparison.runs[1]
    answers = found.answers["distribution:w=5,b=0.2"]
    asked = answers.source != ""
    assert asked.sum() == len(run.exposures)
    assert answers.clicked[asked].sum() == run.exposures["clicked"].sum()
    frame = run.exposures
    mine = (frame["user"] == 5) & (frame["target"] == 40)
    clicked = frame[mine & frame["clicked"]].sort_values("round")
    for row in np.flatnonzero(asked & (found.shown.user == 5) & (found.shown.target == 40)):
        before = clicked[clicked["round"] < found.shown.round[row]]["item"].tolist()
        assert found.shown.history[row].tolist() == before
    # The first round is the same in all runs, so its exposures are rows of all models.
    first = found.shown.round == 1
    assert all((clicks.source[first] != "").all() for clicks in found.answers.values())
    assert first.sum() == len(run.episodes)


def test_histories_and_prompts_need_what_users_knew_before() -> None:
    world, comparison = parts.data(), parts.comparison()
    asks = {"agent": parts.asks("movies/click-en", world)}
    assert decisions_of_runs(comparison, world.catalogue, prompts=asks).prompts == {}
    found = decisions_of_runs(
        comparison, world.catalogue, world.user_ids, world.interactions.histories, asks
    )
    assert found.prompts == asks
    assert found.cautions == ()
    early = np.flatnonzero(found.shown.round == 1)[0]
    user = found.shown.user[early]
    assert found.shown.history[early].tolist() == world.interactions.histories[user].tolist()


def test_a_row_nobody_was_asked_about_is_no_failure(decisions: Decisions) -> None:
    n = len(decisions)
    silent = Clicks.of(np.zeros(n, dtype=bool), source="")
    found = replace(decisions, answers={"silent": silent}, prompts={})
    _, columns = unpack(pack(found, room=ROOM).text)
    assert set(columns["c0"].tolist()) == {3}
