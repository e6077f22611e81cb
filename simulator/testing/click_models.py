"""What every click model owes: an answer a row, from its own row and the shared luck alone."""

from __future__ import annotations

from dataclasses import replace
from unittest import SkipTest

import numpy as np

from simulator.data import load_dataset
from simulator.domain import BoolArray, Clicks, Exposures, FloatArray, IntArray, Vectors
from simulator.errors import NudgesimError
from simulator.interfaces import ClickModel
from simulator.seeding import generator, uniforms
from simulator.testing.snapshots import Snapshot
from simulator.validation import as_clicks

_SLATES, _PLACES = 9, 3
_ALMOST_ONE = 1 - 2.0**-53


class ClickModelContract:
    """Inherit, say which model, and run pytest.

    Every check asks a model made anew: one that is slow to make (a language model) keeps what is
    slow outside, in a fixture or a module's constant.

    Attributes:
        tolerance: How far a probability may move with the batch; language models' arithmetic does.
    """

    tolerance: float = 1e-4

    def click_model(self) -> ClickModel:
        """The model under test, made anew."""
        raise NotImplementedError("Define click_model(self) and return your click model.")

    def exposures(self) -> Exposures:
        """What it is asked: by default films of the demo world, with vectors drawn at random."""
        data = load_dataset("demo")
        draws = generator(0, "click-model-contract")
        vectors = Vectors(
            draws.normal(size=(data.n_users, 8)).astype(np.float32),
            draws.normal(size=(data.n_items, 8)).astype(np.float32),
        ).normalised()
        # The demo world's log has slates of eight films, ten for each user: some users come twice.
        slate = np.repeat(np.arange(_SLATES, dtype=np.int32), _PLACES)
        place = np.tile(np.arange(_PLACES), _SLATES)
        shown = data.logged_exposures(slate * 7 * 8 + place).with_vectors(vectors)
        shown = replace(
            shown, round=1 + slate % 5, target=np.where(slate % 2, slate, -1).astype(np.int32)
        )
        return replace(
            shown,
            draw=uniforms(0, "click", shown.user, shown.target, shown.round, shown.position),
        )

    def test_every_row_gets_an_answer(self) -> None:
        """Clicks, a row an exposure; probabilities in [0, 1], or NaN where there are none."""
        shown = self.exposures()
        try:
            answer = as_clicks(self.click_model().decide(shown), shown, self.click_model())
        except NudgesimError as error:
            raise AssertionError(str(error)) from error
        assert answer.clicked.dtype == bool, (
            f"`clicked` is {answer.clicked.dtype} and must be bool: is it a probability, or 0 and "
            "1? Use Clicks.from_probability, or Clicks.of."
        )
        for column in ("source", "failure", "reason"):
            odd = [text for text in getattr(answer, column) if not isinstance(text, str)]
            assert not odd, (
                f"`{column}` holds {odd[0]!r} and must hold texts: an undecided row has the source "
                '"", and what has nothing to say says "".'
            )

    def test_no_rows_get_no_answers(self) -> None:
        """A batch may be empty: a wrapper may have nothing left to ask."""
        nothing = self.exposures().take(np.empty(0, dtype=np.int64))
        try:
            n = len(self.click_model().decide(nothing))
        except Exception as error:  # whatever a model raises is what the message tells
            raise AssertionError(
                f"decide fails on no exposures at all ({type(error).__name__}: {error}): does it "
                "take the first row, or a maximum? Answer with no rows."
            ) from error
        assert n == 0, f"decide gave {n} answers to no exposures at all."

    def test_the_same_question_gets_the_same_answer(self) -> None:
        """Twice the same exposures, and once more to a model made anew."""
        shown, model = self.exposures(), self.click_model()
        first = _answers(model, shown)
        for again, when in ((model, "a second time"), (self.click_model(), "of a model made anew")):
            rows = self._differing(first, _answers(again, shown), shown.draw)
            assert not len(rows), (
                f"decide answers row {_first(rows)} differently when asked {when}: does it draw "
                "from a generator of its own, or remember what it was asked? Use shown.draw, or "
                "simulator.seeding.uniforms for draws of its own."
            )

    def test_neither_batch_nor_order_matters(self) -> None:
        """Slate by slate, in another order and in batches of any size; a slate stays whole."""
        shown = self.exposures()
        whole = self._steady(shown)
        slates = _slates(shown)
        splits = {
            "in the opposite order": [np.concatenate(slates[::-1])],
            "in batches of four slates": [
                np.concatenate(slates[start : start + 4]) for start in range(0, len(slates), 4)
            ],
            "alone": slates,
        }
        for company, batches in splits.items():
            model = self.click_model()
            parts = [_answers(model, shown.take(rows)) for rows in batches]
            rows = np.concatenate(batches)
            differing = rows[
                self._differing(whole.take(rows), Clicks.joined(parts), shown.draw[rows])
            ]
            assert not len(differing), (
                f"decide answers row {_first(np.sort(differing))} differently in another batch "
                f"({company}): does it draw from a generator of its own (use shown.draw), or "
                "compare a row with the others of its batch?"
            )

    def test_clicks_follow_the_shared_draws(self) -> None:
        """A click is `draw < P(click)`, whatever the luck, and luck does not move P(click)."""
        shown = self.exposures()
        usual = self._steady(shown).probability
        for draw in (shown.draw, np.zeros(len(shown)), np.full(len(shown), _ALMOST_ONE)):
            answer = _answers(self.click_model(), replace(shown, draw=draw))
            p = answer.probability
            moved = np.flatnonzero(np.abs(p - usual) > self.tolerance)
            assert not len(moved), (
                f"P(click) of row {_first(moved)} depends on its draw: a probability is what is "
                "known before the luck; give that, and let Clicks.from_probability compare."
            )
            known = ~answer.undecided & ~np.isnan(p) & (np.abs(draw - p) > self.tolerance)
            wrong = np.flatnonzero(known & (answer.clicked != (draw < p)))
            assert not len(wrong), (
                f"Row {_first(wrong)} has P(click) = {p[wrong[:1]]} and draw {draw[wrong[:1]]}, "
                f"and clicked is {answer.clicked[wrong[:1]]}: does the model throw a coin of its "
                "own? Click where shown.draw < probability (Clicks.from_probability), so that "
                "models can be compared draw by draw; a model without probabilities says NaN."
            )

    def test_a_failure_is_no_click_and_says_why(self) -> None:
        """A row without a `source` is undecided: no click, no probability, a failure in words."""
        answer = _answers(self.click_model(), self.exposures())
        undecided = answer.undecided
        silent = np.flatnonzero(undecided & (answer.failure == ""))
        assert not len(silent), (
            f"Row {_first(silent)} has neither a source nor a failure: name the model that decided "
            "it (`source`), or say why nobody did (`failure`)."
        )
        for column, wrong in (
            ("a click", undecided & answer.clicked),
            ("P(click)", undecided & ~np.isnan(answer.probability)),
        ):
            rows = np.flatnonzero(wrong)
            assert not len(rows), (
                f"Row {_first(rows)} is undecided ({answer.failure[rows[:1]]}) and has {column}: a "
                "failure is never a click; leave `clicked` False and `probability` NaN there."
            )

    def test_exposures_stay_as_they_are(self) -> None:
        """Other models are asked about the same exposures afterwards."""
        shown = self.exposures()
        before = Snapshot(shown, "shown")
        _answers(self.click_model(), shown)
        assert not before.changed(), (
            f"decide changed {', '.join(before.changed())}, which other models read after it: "
            "compute on a copy (`shown.draw.copy()`), and mind `+=` and `sort()`."
        )

    def _steady(self, shown: Exposures) -> Clicks:
        """The answers, of a model that gives them again."""
        model = self.click_model()
        first = _answers(model, shown)
        for again in (model, self.click_model()):
            if len(self._differing(first, _answers(again, shown), shown.draw)):
                raise SkipTest("test_the_same_question_gets_the_same_answer fails; mend it first.")
        return first

    def _differing(self, one: Clicks, other: Clicks, draw: FloatArray) -> IntArray:
        """Rows in which two answers differ by more than rounding."""
        p, q = one.probability, other.probability
        unlike: BoolArray = (one.undecided != other.undecided) | (np.isnan(p) != np.isnan(q))
        unlike |= np.abs(p - q) > self.tolerance
        on_edge = np.abs(draw - p) <= self.tolerance
        unlike |= (one.clicked != other.clicked) & ~on_edge
        return np.flatnonzero(unlike)


def _answers(model: ClickModel, shown: Exposures) -> Clicks:
    """A well-formed answer."""
    try:
        answer = as_clicks(model.decide(shown), shown, model)
    except NudgesimError as error:
        raise SkipTest(f"test_every_row_gets_an_answer comes first: {error}") from error
    if answer.clicked.dtype != bool:
        raise SkipTest("test_every_row_gets_an_answer fails; mend that first.")
    return answer


def _slates(shown: Exposures) -> list[IntArray]:
    """Rows of each slate: what one episode sees in a round, in rising positions."""
    begins = np.ones(len(shown), dtype=bool)
    begins[1:] = shown.position[1:] <= shown.position[:-1]
    for column in (shown.user, shown.target, shown.round):
        begins[1:] |= column[1:] != column[:-1]
    return np.split(np.arange(len(shown)), np.flatnonzero(begins)[1:])


def _first(rows: IntArray) -> str:
    return "" if not len(rows) else f"{rows[0]} ({len(rows)} such rows)"
