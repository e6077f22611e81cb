"""LensKit's adapter on the real library, in an environment of its own."""

import sys
from typing import Any

import pytest
from adapter_worlds import two_tastes
from own_environment import ROOT, example_there, own_environment, run_there

from recommender.adapters import fit_lenskit
from simulator.errors import MissingExtraError

REQUIREMENTS = ["lenskit==2025.8.1", "pandas==2.3.3"]
FOLDS_IN = ["ALS", "item kNN", "EASE"]


@pytest.fixture(scope="module")
def found() -> Any:
    python = own_environment("lenskit", REQUIREMENTS)
    return run_there(python, ROOT / "tests" / "lenskit_checks.py")


@pytest.mark.slow
@pytest.mark.parametrize("name", FOLDS_IN)
def test_a_scorer_shows_unseen_items_of_the_users_taste_and_follows_the_clicks(
    found: Any, name: str
) -> None:
    scorer = found["scorers"][name]
    assert scorer["own taste"] > 0.9
    assert scorer["seen shown"] == 0
    assert scorer["turned with the clicks"] > 0.9
    assert scorer["for a stranger"] % 2 == 1
    assert scorer["fits alike"]
    assert not scorer["blocks matter"]
    assert len(scorer["contract"]) >= 5
    assert scorer["described"].startswith("LensKitRecommender(")


@pytest.mark.slow
def test_it_shows_what_lenskit_recommends_itself(found: Any) -> None:
    ids = found["ids"]
    assert len(ids["own"]) == 2 * 54
    assert ids["adapted"] == ids["own"]
    assert "no score for user 59" in ids["of a dropped user"]


@pytest.mark.slow
def test_the_loop_runs_and_fits_anew(found: Any) -> None:
    loops = found["loops"]
    assert loops["distinct"]
    assert loops["click rate"] > 0.8
    assert loops["refits"] == 1
    assert loops["same before the fit"]
    assert not loops["same after the fit"]


@pytest.mark.slow
def test_the_example_runs() -> None:
    said = example_there(own_environment("lenskit", REQUIREMENTS), "lenskit_loop.py")
    assert "1 time fitted anew" in said


def test_without_lenskit_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("lenskit", "lenskit.data"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"nudgesim\[lenskit\]"):
        fit_lenskit(two_tastes().interactions, object())
