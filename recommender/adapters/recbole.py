"""Models of RecBole.

https://recbole.io, W. X. Zhao et al., "RecBole: Towards a Unified, Comprehensive and Efficient
Framework for Recommendation Algorithms", CIKM 2021. Written for RecBole 1.2.1.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recommender.adapters.library import LibraryRecommender, require_finite
from recommender.adapters.numbering import Numbering
from recommender.baselines import PopularItems
from simulator.domain import FloatArray, IntArray, Interactions
from simulator.errors import MissingExtraError
from simulator.interfaces import Recommender, RoundView

if TYPE_CHECKING:
    from torch import Tensor

_TOGETHER = 64
"""Episodes asked together, always: the last bits of a product depend on its shape."""

_GONE_FROM_NUMPY = {"float_": np.float64, "complex_": np.complex128, "unicode_": np.str_}
_DATASET = "interactions"


class RecBoleRecommender(LibraryRecommender):
    """A trained model of RecBole.

    Sequential models (GRU4Rec, SASRec, BERT4Rec) are given each user's present history, and so
    follow simulated clicks and answer for users they were not trained on. All others answer with
    the user as of training time; `recommender.retraining.Retrained` fits them anew. Models without
    `full_sort_predict` (NeuMF, the context-aware ones) are asked pair by pair, in batches.

    Args:
        model: Trained.
        dataset: The RecBole data set that it was trained on, for its ids and features.
        user_ids: The tokens under which it knows our users, in our order, such as `data.user_ids`.
        item_ids: The tokens under which it knows our items, such as `data.catalogue.item_ids`.
        k: Items an episode.
        fallback: See `LibraryRecommender`.

    Raises:
        DataError: If it knows none of the users, or none of the items.
        MissingExtraError: If RecBole is not installed.
    """

    def __init__(
        self,
        model: Any,
        dataset: Any,
        user_ids: Sequence[object],
        item_ids: Sequence[object],
        *,
        k: int = 1,
        fallback: Recommender | None = None,
    ) -> None:
        super().__init__(len(item_ids), k=k, fallback=fallback)
        self._interaction = _recbole("recbole.data.interaction").Interaction
        self.model, self.dataset = model, dataset
        self._reads_history = model.type == _recbole("recbole.utils").ModelType.SEQUENTIAL
        number = dataset.field2token_id
        self.numbering = Numbering.of_ids(
            user_ids, item_ids, users=number[dataset.uid_field], items=number[dataset.iid_field]
        )

    def scores(self, view: RoundView) -> FloatArray:
        """The model's scores, shape (n, n_items)."""
        user = self.numbering.users(view.user)
        windows, lengths = self._windows(view)
        known = lengths > 0 if self._reads_history else user >= 0
        scores = np.full((len(view), self.dataset.item_num), np.nan)
        rows = np.flatnonzero(known)
        for start in range(0, len(rows), _TOGETHER):
            part = rows[start : start + _TOGETHER]
            filled = np.resize(part, _TOGETHER)
            asked = self._asked(np.maximum(user[filled], 0), windows[filled], lengths[filled])
            scores[part] = asked[: len(part)]
        return self.numbering.columns(scores)

    def model_name(self) -> str:
        """Its class in RecBole."""
        return type(self.model).__name__

    def _windows(self, view: RoundView) -> tuple[IntArray, IntArray]:
        """The newest items of each history, from the left, 0 after them; and how many they are."""
        history = self.numbering.histories(view.history)
        width = int(self.model.max_seq_length) if self._reads_history else 0
        lengths = np.minimum(history.lengths, width)
        newest = history.slices(history.offsets[1:] - lengths, history.offsets[1:])
        windows = np.zeros((len(view), width), dtype=np.int64)
        windows[np.arange(width) < lengths[:, None]] = newest.values
        return windows, lengths

    def _asked(self, user: IntArray, windows: IntArray, lengths: IntArray) -> FloatArray:
        """Scores of all of RecBole's items, float64, shape (n, item_num)."""
        import torch

        from recommender.one_thread import one_thread

        fields = {self.dataset.uid_field: torch.from_numpy(user)}
        if self._reads_history:
            fields[self.model.ITEM_SEQ] = torch.from_numpy(windows)
            fields[self.model.ITEM_SEQ_LEN] = torch.from_numpy(lengths)
        batch = self.dataset.join(self._interaction(fields)).to(self.model.device)
        self.model.eval()
        with torch.no_grad(), one_thread():
            answer = self._all_items(batch)
        scores = answer.double().cpu().numpy().reshape(len(user), -1)
        # Column 0 is padding, and some models put -inf there.
        require_finite(scores[:, 1:], f"RecBole's {self.model_name()}")
        return scores

    def _all_items(self, batch: Any) -> Tensor:
        try:
            scores: Tensor = self.model.full_sort_predict(batch)
        except NotImplementedError:
            pairs = batch.repeat_interleave(self.dataset.item_num)
            items = self.dataset.get_item_feature().to(self.model.device)
            pairs.update(items.repeat(len(batch)))
            scores = self.model.predict(pairs)
        return scores


def fit_recbole(
    interactions: Interactions,
    model: str,
    settings: Mapping[str, Any] | None = None,
    *,
    k: int = 1,
    seed: int = 0,
) -> RecBoleRecommender:
    """Train a model of RecBole on all interactions, and recommend with it.

    No interactions are held out, so it trains for all its `epochs`. RecBole reads and writes in the
    working directory; it is given a temporary one for this while. Seeds of the process (Python's,
    numpy's, torch's) are set. Where the model has no score, `PopularItems` recommends.

    Args:
        interactions: The training part of a log.
        model: The model's name in RecBole, such as "SASRec".
        settings: RecBole's, such as `{"epochs": 20, "train_neg_sample_args": None}`.
        k: Items an episode.
        seed: Of the training.

    Raises:
        MissingExtraError: If RecBole is not installed.
    """
    utils, data = _recbole("recbole.utils"), _recbole("recbole.data")
    with _working_folder() as folder:
        table = pd.DataFrame(
            {
                "user_id:token": interactions.user,
                "item_id:token": interactions.item,
                "timestamp:float": interactions.time,
            }
        )
        (folder / _DATASET).mkdir()
        table.to_csv(folder / _DATASET / f"{_DATASET}.inter", sep="\t", index=False)
        config = _recbole("recbole.config").Config(
            model=model,
            dataset=_DATASET,
            config_dict={
                "data_path": str(folder),
                "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
                "eval_args": {"split": {"RS": [1, 0, 0]}, "order": "TO", "group_by": None},
                "show_progress": False,
                "seed": seed,
                **(settings or {}),
            },
        )
        utils.init_seed(seed, reproducibility=True)
        dataset = data.create_dataset(config)
        train, _, _ = data.data_preparation(config, dataset)
        utils.init_seed(seed, reproducibility=True)
        trained = utils.get_model(model)(config, train.dataset).to(config["device"])
        trainer = utils.get_trainer(config["MODEL_TYPE"], model)(config, trained)
        trainer.fit(train, None, verbose=False, saved=False)
    return RecBoleRecommender(
        trained,
        dataset,
        range(interactions.n_users),
        range(interactions.n_items),
        k=k,
        fallback=PopularItems(interactions),
    )


def restore_numpy_names() -> None:
    """Give numpy 2 back the names that RecBole 1.2.1 asks for; call it before `import recbole`."""
    for name, meant in _GONE_FROM_NUMPY.items():
        if not hasattr(np, name):
            setattr(np, name, meant)


@contextlib.contextmanager
def _working_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        yield Path(folder)


def _recbole(module: str) -> ModuleType:
    restore_numpy_names()
    try:
        return import_module(module)
    except ImportError:
        raise MissingExtraError("RecBole", "recbole", "RecBoleRecommender") from None
