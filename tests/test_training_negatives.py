"""No-clicks that are drawn: never what the user took, and corrected for the draw."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logit

from simulator.domain import Catalogue, Dataset, Interactions
from simulator.training import NegativeSettings, with_no_clicks

EVERYBODY = np.arange(30)


def test_a_log_comes_first(data):
    assert with_no_clicks(data, EVERYBODY, NegativeSettings(), seed=0).data is data
    rated = replace(data, log=replace(data.log, observed=False))
    assert with_no_clicks(rated, EVERYBODY, NegativeSettings(), seed=0).no_clicks == "low ratings"


def test_drawn_items_were_never_taken(data):
    bare = replace(data, log=None)
    drawn = with_no_clicks(bare, np.arange(10), NegativeSettings(per_click=3), seed=0)
    log, past = drawn.data.log, data.interactions
    assert drawn.no_clicks == "drawn items"
    assert set(log.user) == set(range(10))
    assert (~log.clicked).sum() == 3 * log.clicked.sum()
    for user, item in zip(log.user[~log.clicked], log.item[~log.clicked], strict=True):
        assert item not in past.histories[user]
    again = with_no_clicks(bare, np.arange(10), NegativeSettings(per_click=3), seed=0)
    np.testing.assert_array_equal(again.data.log.item, log.item)


def test_untimed_interactions_get_an_order(data):
    past = data.interactions
    untimed = Interactions.from_columns(
        past.user, past.item, np.zeros(len(past)), n_users=past.n_users, n_items=past.n_items
    )
    drawn = with_no_clicks(
        replace(data, log=None, interactions=untimed), EVERYBODY, NegativeSettings(), seed=0
    )
    lengths = drawn.data.logged_exposures().history.lengths
    assert lengths.max() == 8
    assert set(drawn.data.interactions.histories[3]) == set(past.histories[3])


@pytest.mark.parametrize("alpha", [0.0, 0.75, 1.0])
def test_the_correction_gives_back_the_odds_on_the_shelf(alpha):
    """Known answer: users take item i with a probability that is the same for all of them.

    Of the items that nobody is known to have taken, shown evenly until `rate` of what is shown is a
    click, item i's click rate follows by counting; so do the odds by the drawn log, one intercept
    an item: log(clicks / drawn) less the correction.
    """
    draw, n_users, n_items, rate = np.random.default_rng(0), 4_000, 40, 0.1
    takes = draw.random((n_users, n_items)) < np.geomspace(0.005, 0.12, n_items)
    user, item = np.nonzero(takes)
    data = Dataset(
        name="taken",
        catalogue=Catalogue(
            [f"i{k}" for k in range(n_items)], [f"Film {k}" for k in range(n_items)], [()] * n_items
        ),
        interactions=Interactions.from_columns(
            user, item, np.arange(len(user)), n_users=n_users, n_items=n_items
        ),
        user_ids=[str(k) for k in range(n_users)],
    )
    settings = NegativeSettings(per_click=20, alpha=alpha, click_rate=rate)
    made = with_no_clicks(data, np.arange(n_users), settings, seed=1)
    log = made.data.log
    clicks = np.bincount(log.item[log.clicked], minlength=n_items)
    drawn = np.bincount(log.item[~log.clicked], minlength=n_items)
    offset = np.bincount(log.item, weights=made.offset, minlength=n_items) / (clicks + drawn)
    found = np.log(clicks / drawn) - offset

    passed = takes.sum(1)[:, None] * (~takes) / (~takes).sum(1)[:, None] * (1 - rate) / rate
    expected = logit(clicks / (clicks + passed.sum(0)))
    np.testing.assert_allclose(found, expected, atol=0.15)
    assert np.ptp(expected) > 2
