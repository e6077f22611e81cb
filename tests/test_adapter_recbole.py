"""RecBole's adapter on the real library, in an environment of its own."""

import sys
from typing import Any

import pytest
from adapter_worlds import two_tastes
from own_environment import ROOT, example_there, own_environment, run_there

from recommender.adapters import fit_recbole
from simulator.errors import MissingExtraError

# RecBole asks for an older Ray, which it needs only to search for settings.
RECBOLE = ["recbole==1.2.1"]
REQUIREMENTS = ["pandas==2.3.3", "colorlog", "colorama", "plotly", "psutil", "tabulate",
                "tensorboard", "texttable", "thop", "tqdm"]  # fmt: skip
SEQUENTIAL = ["GRU4Rec", "SASRec"]
GENERAL = ["BPR", "NeuMF"]


@pytest.fixture(scope="module")
def found() -> Any:
    python = own_environment("recbole", REQUIREMENTS, without_dependencies=RECBOLE)
    return run_there(python, ROOT / "tests" / "recbole_checks.py")


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SEQUENTIAL, *GENERAL])
def test_a_model_shows_unseen_items_of_the_users_taste(found: Any, name: str) -> None:
    model = found["models"][name]
    assert model["own taste"] > 0.9
    assert model["seen shown"] == 0
    assert model["fits alike"]
    assert not model["blocks matter"]
    assert len(model["contract"]) >= 5
    assert model["described"] == f"RecBoleRecommender({name}, k=1, fallback=PopularItems)"


@pytest.mark.slow
def test_sequential_models_follow_the_clicks_and_the_others_do_not(found: Any) -> None:
    for name in SEQUENTIAL:
        assert found["models"][name]["turned with the clicks"] > 0.9
        assert found["models"][name]["for a stranger"] % 2 == 1
    for name in GENERAL:
        assert found["models"][name]["turned with the clicks"] < 0.1


@pytest.mark.slow
def test_it_shows_what_recbole_scores_highest_itself(found: Any) -> None:
    ids = found["ids"]
    assert len(ids["own"]) == 20
    assert ids["adapted"] == ids["own"]
    assert "no score for user 0" in ids["without a history"]


@pytest.mark.slow
def test_the_loop_runs_and_fits_anew_and_leaves_nothing_behind(found: Any) -> None:
    loops = found["loops"]
    assert loops["distinct"]
    assert loops["click rate"] > 0.8
    assert loops["refits"] == 1
    assert loops["same before the fit"]
    assert not loops["same after the fit"]
    assert found["left behind"] == []


@pytest.mark.slow
def test_the_example_runs() -> None:
    python = own_environment("recbole", REQUIREMENTS, without_dependencies=RECBOLE)
    assert "probability" in example_there(python, "recbole_loop.py")


def test_without_recbole_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("recbole", "recbole.utils"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"nudgesim\[recbole\]"):
        fit_recbole(two_tastes().interactions, "BPR")
