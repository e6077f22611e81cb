"""What every recommender owes: rows that can be shown, from each episode's own state alone."""

from __future__ import annotations

from dataclasses import replace
from unittest import SkipTest

import numpy as np

from simulator.data import load_dataset
from simulator.domain import Dataset, IntArray, Vectors
from simulator.errors import NudgesimError
from simulator.interfaces import Learner, Recommender, RoundView
from simulator.seeding import generator
from simulator.shapes import RecommenderLike, as_recommender
from simulator.testing.snapshots import Snapshot
from simulator.validation import as_slates

_USERS, _TARGETS, _SHOWN = 8, 2, 5


class RecommenderContract:
    """Inherit, say which recommender, and run pytest.

    It may have any of the shapes that `simulate` takes. Every check asks a recommender made anew:
    one that is slow to make (a trained model) keeps what is slow outside, in a fixture or a
    module's constant.
    """

    def recommender(self, data: Dataset) -> RecommenderLike:
        """The recommender under test for this data, made anew."""
        raise NotImplementedError("Define recommender(self, data) and return your recommender.")

    def data(self) -> Dataset:
        """What it recommends from: by default the demo world."""
        return load_dataset("demo")

    def vectors(self, data: Dataset) -> Vectors | None:
        """Where users' preferences live: the recommender's own space by default, if it has one."""
        vectors = getattr(self.recommender(data), "vectors", None)
        return vectors if isinstance(vectors, Vectors) else None

    def view(self, data: Dataset) -> RoundView:
        """What it is asked: some users, each with two targets, after a round without clicks."""
        users = np.flatnonzero(data.interactions.histories.lengths)[:_USERS]
        user = np.repeat(users, _TARGETS).astype(np.int32)
        history = data.interactions.histories.take(user)
        seen = history.mask(data.n_items)
        targets = np.flatnonzero(~seen.any(axis=0))[:_TARGETS]
        # Shown and not clicked: seen, and in no history.
        shown = generator(0, "recommender-contract").integers(0, data.n_items, (len(user), _SHOWN))
        np.put_along_axis(seen, shown, True, axis=1)
        vectors = self.vectors(data)
        return RoundView(
            round=2,
            seed=0,
            user=user,
            target=np.resize(targets, len(user)).astype(np.int32),
            history=history,
            seen=seen,
            preference=None if vectors is None else vectors.normalised().user[user],
        )

    def test_what_it_answers_can_be_shown(self) -> None:
        """Integer rows of the catalogue, one or k an episode, not seen before."""
        data = self.data()
        view, recommender = self.view(data), self._made(data)
        try:
            as_slates(recommender.recommend(_copy(view)), view, data, recommender)
        except NudgesimError as error:
            raise AssertionError(str(error)) from error

    def test_the_same_view_gets_the_same_items(self) -> None:
        """Twice the same view, and once more to a recommender made anew."""
        data = self.data()
        view, recommender = self.view(data), self._made(data)
        first = self._slates(recommender, view, data)
        for again, when in ((recommender, "a second time"), (self._made(data), "when made anew")):
            rows = _unlike(first, self._slates(again, view, data))
            assert not len(rows), (
                f"recommend answers episode {_first(rows)} differently {when}: does it draw from a "
                "generator of its own, train from another start, or remember what it was asked? "
                "Draw with simulator.seeding.uniforms(view.seed, ...)."
            )

    def test_neither_block_nor_order_matters(self) -> None:
        """Episodes in another order, in blocks of any size: what is shown stays the same."""
        data = self.data()
        view = self.view(data)
        recommender = self._made(data)
        whole = self._slates(recommender, view, data)
        for again in (recommender, self._made(data)):
            if len(_unlike(whole, self._slates(again, view, data))):
                raise SkipTest("test_the_same_view_gets_the_same_items fails; mend that first.")
        n = len(view)
        splits = {
            "in the opposite order": [np.arange(n)[::-1]],
            "in blocks of three": [np.arange(s, min(s + 3, n)) for s in range(0, n, 3)],
            "alone": [np.array([row]) for row in range(n)],
        }
        for company, blocks in splits.items():
            recommender = self._made(data)
            for rows in blocks:
                items = self._slates(recommender, view.take(rows), data)
                differing = rows[_unlike(whole[rows], items)]
                assert not len(differing), (
                    f"recommend answers episode {_first(differing)} differently in another block "
                    f"({company}): does it draw from a generator of its own (use "
                    "simulator.seeding.uniforms(view.seed, ..., view.user, view.target, "
                    "view.round)), or compute something over the whole block (a mean, a "
                    "maximum, who was first)?"
                )

    def test_the_last_unseen_items_are_found(self) -> None:
        """Somebody has seen all but k items: those are shown, whatever their scores."""
        data = self.data()
        view, recommender = self.view(data), self._made(data)
        if getattr(recommender, "repeats", False):
            return
        k = self._slates(recommender, view, data).shape[1]
        unseen = np.argsort(~view.seen, axis=1, kind="stable")[:, -k:]
        seen = np.ones_like(view.seen)
        np.put_along_axis(seen, unseen, False, axis=1)
        left = replace(view, seen=seen)
        try:
            items = as_slates(recommender.recommend(_copy(left)), left, data, recommender)
        except NudgesimError as error:
            raise AssertionError(
                f"With {k} items left to see, recommend does not show them: does it choose from a "
                f"list of candidates, and mask what was seen after that? {error}"
            ) from error
        assert np.array_equal(np.sort(items, axis=1), np.sort(unseen, axis=1))

    def test_the_view_stays_as_it_is(self) -> None:
        """The loop goes on with the view's arrays."""
        data = self.data()
        view = self.view(data)
        before = Snapshot(view, "view")
        self._made(data).recommend(view)
        assert not before.changed(), (
            f"recommend changed {', '.join(before.changed())}, which the loop goes on with: work "
            "on a copy (`view.seen.copy()`), and mind `|=`, `+=` and `sort()`."
        )

    def test_what_is_learnt_depends_on_the_run_alone(self) -> None:
        """A resumed run brings all its rounds at once; they must teach what they taught singly."""
        data = self.data()
        view, steady, resumed = self.view(data), self._made(data), self._made(data)
        if not (isinstance(steady, Learner) and isinstance(resumed, Learner)):
            return
        k = self._slates(steady, view, data).shape[1]
        draws = generator(1, "recommender-contract")
        # Each round has its own favourites, and the later ones are clicked by a few more, so that
        # lessons that add up would put the earlier ones first.
        order = [
            np.where(view.seen, 2.0, draws.random(data.n_items)).argsort(axis=1)[:, :k]
            for _ in range(3)
        ]
        shown = np.stack(order, axis=1).astype(np.int32)
        share = (np.arange(len(view)) / len(view))[:, None, None]
        clicked = np.broadcast_to(share < np.array([0.5, 0.6, 0.75])[:, None], shown.shape).copy()
        shown.flags.writeable = clicked.flags.writeable = False
        for rounds in (1, 2, 3):
            try:
                steady.learn(view.user, shown[:, :rounds], clicked[:, :rounds])
            except ValueError as error:
                raise AssertionError(
                    f"learn fails ({error}): does it write into `shown` or `clicked`? They are "
                    "read-only; work on a copy."
                ) from error
        resumed.learn(view.user, shown, clicked)
        later = replace(view, round=5)
        rows = _unlike(self._slates(steady, later, data), self._slates(resumed, later, data))
        assert not len(rows), (
            f"After three rounds learnt one by one, episode {_first(rows)} is shown other items "
            "than after the three at once, as a resumed run brings them: does learn add to what it "
            "knew? It is given the whole run each time, so start from the beginning."
        )

    def _made(self, data: Dataset) -> Recommender:
        return as_recommender(self.recommender(data), data)

    def _slates(self, recommender: Recommender, view: RoundView, data: Dataset) -> IntArray:
        """A well-formed answer, shape (n, k)."""
        try:
            return as_slates(recommender.recommend(_copy(view)), view, data, recommender)
        except NudgesimError as error:
            raise SkipTest(f"test_what_it_answers_can_be_shown comes first: {error}") from error


def _copy(view: RoundView) -> RoundView:
    """One that a recommender may spoil."""
    return view.take(np.arange(len(view)))


def _unlike(one: IntArray, other: IntArray) -> IntArray:
    """Rows that differ; all of them where the slates are of unequal length."""
    if one.shape != other.shape:
        return np.arange(len(one))
    return np.flatnonzero((one != other).any(axis=1))


def _first(rows: IntArray) -> str:
    return "" if not len(rows) else f"{rows[0]} ({len(rows)} such episodes)"
