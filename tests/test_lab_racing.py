from pathlib import Path

import numpy as np
import pytest
from lab_worlds import knowing, open_lab

from simulator.domain import Dataset
from simulator.engines import ScriptedEngine
from simulator.errors import ConfigError
from simulator.lab import Race, Variant, race, spread, sweep_variants

PLANTED = "examples reversed"


class WordCounter:
    """An encoder for which a token is a word, as the scripted engine counts them."""

    window = 100_000

    def tokenize(self, text: str) -> list[int]:
        return [hash(text.strip()) % 1000]

    def count_tokens(self, prompts: list) -> np.ndarray:
        return np.array([len(p.text.split()) for p in prompts])

    def digests(self, prompts: list) -> list[bytes]:
        from simulator.engines.digests import digest_of_text

        return [digest_of_text(p.text) for p in prompts]


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScriptedEngine, "encoder", WordCounter(), raising=False)


@pytest.fixture
def ran(data: Dataset, tmp_path: Path) -> tuple[Race, list[Variant], ScriptedEngine]:
    lab, engine = open_lab(data, tmp_path)
    axes = ["order", "balance", "wording", "direction", "categories"]
    variants = sweep_variants(lab, lab.variant(examples="log:4"), axes)
    best = next(v for v in variants if v.what == PLANTED)
    engine.answer = knowing({best.static: 1.0}, otherwise=0.3)
    return race(lab, variants, exposures=320, fewest=40), variants, engine


def test_the_planted_best_wins(ran: tuple[Race, list[Variant], ScriptedEngine]) -> None:
    found, variants, _ = ran
    assert found.final.variants[found.winner].what == PLANTED
    assert [rung.exposures for rung in found.rungs] == [40, 80, 160, 320]
    assert len(found.rungs[0].contenders) == len(variants)
    for rung, further in zip(found.rungs, found.rungs[1:], strict=False):
        assert len(rung.kept) == -(-len(rung.contenders) // 2)
        assert set(further.contenders) == set(rung.kept)
    assert found.rungs[-1].kept == (found.winner,)
    assert found.final.incumbent == "movies/click-en [examples log:4]"
    gap = found.final.differences.set_index(["variant", "measure"]).loc[(found.winner, "log_loss")]
    assert gap["high"] < 0


def test_the_saving_is_that_of_the_counters(
    ran: tuple[Race, list[Variant], ScriptedEngine],
) -> None:
    found, _variants, engine = ran
    words = sum(len(text.split()) for text in engine.prompts)
    assert len(engine.prompts) == len(set(engine.prompts)) == sum(r.asked for r in found.rungs)
    assert found.spent == words
    # A user who was shown an item twice is asked once, so that what is counted by row is more.
    assert words <= found.tokens <= 1.25 * words
    assert found.tokens < found.tokens_of_full_sweep
    assert 0.5 < found.saving < 0.9
    assert found.saving == pytest.approx(1 - found.tokens / found.tokens_of_full_sweep)


def test_rungs_hold_the_smaller_samples(
    ran: tuple[Race, list[Variant], ScriptedEngine],
) -> None:
    found, _, _ = ran
    second = found.rungs[1]
    # Half of what the contenders are asked about was answered in the first rung.
    assert second.from_cache == pytest.approx(second.asked, rel=0.25)


def test_only_the_last_rung_is_on_the_board(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(data, tmp_path, 0.4)
    variants = sweep_variants(lab, lab.variant(), ["history", "wording", "categories"])
    found = race(lab, variants, exposures=160, fewest=40)
    assert lab.book is not None
    assert set(lab.book.board()["exposures"]) == {160}
    assert set(lab.book.board(everything=True)["exposures"]) == {r.exposures for r in found.rungs}
    assert len(found.rungs) > 1


def test_doubt_is_counted(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(data, tmp_path, 0.4)  # all alike: every drop is in doubt
    variants = sweep_variants(lab, lab.variant(), ["history", "categories"])
    found = race(lab, variants, exposures=100, fewest=40)
    for rung in found.rungs:
        assert rung.doubtful == len(rung.contenders) - len(rung.kept)


def test_a_small_race_is_one_rung(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(data, tmp_path, 0.4)
    variants = sweep_variants(lab, lab.variant(), ["categories"])
    found = race(lab, variants, exposures=100)
    assert [rung.exposures for rung in found.rungs] == [100]
    assert found.saving == 0
    with pytest.raises(ConfigError, match="A race of 1 variants"):
        race(lab, variants[:1])
    with pytest.raises(ConfigError, match="by 'brier'"):
        race(lab, variants, measure="brier")


def test_a_gain_within_the_spread_is_called_that(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(data, tmp_path, knowing({"Suggestion:": 0.2, "newest": 1.0}, otherwise=0.6))
    moved = spread(lab, lab.variant(), exposures=300)
    values = [moved.evaluation.value(name, "log_loss") for name in moved.evaluation.variants]
    assert moved.judged == len(values) > 5
    assert moved.moved["log_loss"].deviation == pytest.approx(np.std(values, ddof=1))
    assert moved.moved["log_loss"].lowest == pytest.approx(min(values))
    assert moved.moved["log_loss"].highest == pytest.approx(max(values))
    assert all(v.says_as(lab.variant()) for v in moved.evaluation.variants.values())
    deviation = moved.moved["log_loss"].deviation
    assert deviation > 0.005
    assert "is smaller than the spread" in moved.sentence(-deviation / 2, "log_loss")
    assert "is larger than the spread" in moved.sentence(-2 * deviation, "log_loss")


def test_the_spread_of_a_variant_keeps_its_name(data: Dataset, tmp_path: Path) -> None:
    lab, _ = open_lab(data, tmp_path, 0.4)
    short = next(
        v for v in sweep_variants(lab, lab.variant(), ["history"]) if v.what == "history of 5"
    )
    names = list(spread(lab, short, exposures=60).evaluation.variants)
    assert names[0] == "movies/click-en [history of 5]"
    assert "movies/click-en [history of 5, newest first]" in names
