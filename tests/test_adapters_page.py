"""The page on adapters: its blocks run, in the order in which they stand."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from adapter_worlds import N_USERS, Likes, two_tastes
from own_environment import ROOT
from sklearn.linear_model import LogisticRegression

from recommender.retraining import Retrained
from simulator import simulate

PAGE = ROOT / "docs" / "adapters.md"
ELSEWHERE = ("lenskit", "recbole", "open_agent")
"""Blocks that need what is not here; the examples and the tests of their own have those."""


# Whether a BLAS has threads is the reader's affair; implicit says what it thinks of it.
@pytest.mark.filterwarnings("ignore:OpenBLAS is configured")
def test_the_blocks_of_the_page_run() -> None:
    data = two_tastes()
    user, item = data.interactions.user, data.interactions.item
    pairs = np.column_stack([np.tile(user, 2) % 2, np.concatenate([item, item + 1]) % 2])
    matches = pairs[:, 0] == pairs[:, 1]
    scope: dict[str, object] = {
        "data": data,
        "classifier": LogisticRegression().fit(pairs, matches),
        "features": lambda users, items: np.column_stack([users % 2, items % 2]),
        "my_service": SimpleNamespace(top=lambda user, history, n: data.catalogue.item_ids[:n]),
    }
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    played = []
    for block in blocks[1:]:
        if any(word in block for word in ELSEWHERE):
            continue
        exec(compile(block, PAGE.name, "exec"), scope)
        recommender = scope["recommender"]
        run = simulate(data, recommender, Likes(), rounds=2, users=np.arange(N_USERS - 1))
        assert len(run.exposures) == 2 * (N_USERS - 1)
        played.append(type(recommender).__name__)
    assert played == ["ImplicitRecommender", "CornacRecommender", "Predictor", "ByIds", "Retrained"]
    assert isinstance(scope["recommender"], Retrained)


def test_the_shortest_loops_stay_short() -> None:
    text = PAGE.read_text(encoding="utf-8").split("## The shortest loop")[1].split("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 7
    assert all(len(block.strip().splitlines()) <= 10 for block in blocks)
