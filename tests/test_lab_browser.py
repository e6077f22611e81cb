from pathlib import Path

import numpy as np
import pytest
from lab_worlds import knowing, liked, open_lab
from sklearn.metrics import log_loss

from simulator.domain import Dataset
from simulator.errors import ConfigError, UnknownNameError
from simulator.lab.browser import by_segment, read_segment, worst_decisions


def test_the_worst_decisions_come_first(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(data, tmp_path, knowing({}, otherwise=1.0), mass=0.9)
    found = lab.evaluate([lab.variant()], exposures=300)
    worst = worst_decisions(lab, found, found.incumbent, n=20)

    assert len(worst) == 20
    losses = [wrong.loss for wrong in worst]
    assert losses == sorted(losses, reverse=True)
    # Against the truth: disliked and clicked, or liked and not.
    for wrong in worst:
        film = int(wrong.title.removeprefix("Film "))
        assert wrong.clicked != liked(np.array(film))
        assert wrong.loss == pytest.approx(-np.log(0.2))
        shares = (0.2 * 0.9, 0.8 * 0.9) if wrong.clicked else (0.8 * 0.9, 0.2 * 0.9)
        assert (wrong.click_share, wrong.skip_share) == pytest.approx(shares)
        assert wrong.prompt.endswith("Answer:")
        assert f'Recommended: "{wrong.title}"' in wrong.prompt
        assert wrong.user in lab.data.user_ids


def test_a_segment_is_looked_at_alone(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(data, tmp_path, knowing({}, otherwise=1.0))
    found = lab.evaluate([lab.variant()], exposures=300)
    worst = worst_decisions(lab, found, found.incumbent, n=1000, segment=("category", "Odd"))
    rows = found.log.segments["category"] == "Odd"
    assert len(worst) == rows.sum()
    assert {wrong.segments["category"] for wrong in worst} == {"Odd"}
    with pytest.raises(UnknownNameError, match=r"kind of segment 'genre'.*category"):
        worst_decisions(lab, found, found.incumbent, segment=("genre", "Odd"))
    with pytest.raises(UnknownNameError, match=r"category segment 'Od'.*Did you mean 'Odd'"):
        worst_decisions(lab, found, found.incumbent, segment=("category", "Od"))
    with pytest.raises(UnknownNameError, match="variant 'other'"):
        worst_decisions(lab, found, "other")


def test_failed_decisions_are_no_wrong_ones(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(
        data,
        tmp_path,
        knowing({}, otherwise=1.0),
        mass=lambda text: 0.1 if '"Film 8"' in text.splitlines()[-2] else 0.9,
    )
    found = lab.evaluate([lab.variant()], exposures=300)
    worst = worst_decisions(lab, found, found.incumbent, n=1000)
    assert 0 < found.costs.loc[found.incumbent, "failures"] == 300 - len(worst)
    assert "Film 8" not in {wrong.title for wrong in worst}


def test_segments_are_those_of_scikit_learn(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(data, tmp_path, knowing({}, otherwise=0.7))
    found = lab.evaluate([lab.variant()], exposures=300)
    table = by_segment(found, found.incumbent).set_index(["kind", "segment"])
    for name in ("Even", "Odd"):
        rows = found.log.segments["category"] == name
        p = found.answers[found.incumbent].probability[rows].astype(float)
        row = table.loc[("category", name)]
        assert row["log_loss"] == pytest.approx(log_loss(found.log.clicked[rows], p))
        assert row["click_rate"] == pytest.approx(found.log.clicked[rows].mean())
        assert row["expected_click_rate"] == pytest.approx(p.mean())
        assert row["exposures"] == rows.sum()


def test_how_a_segment_is_written() -> None:
    assert read_segment("category=Film-Noir") == ("category", "Film-Noir")
    with pytest.raises(ConfigError, match="KIND=SEGMENT"):
        read_segment("Horror")
