"""Sequence models: the next item, and a user's vector, from a history. Torch loads on first use."""

from typing import TYPE_CHECKING, Any

from recommender.sequence.evaluation import hit_ratio, ndcg, next_item_ranks
from recommender.sequence.settings import EncoderSettings, FrequencyMixing, TrainingSettings
from recommender.sequence.windows import windows

if TYPE_CHECKING:
    from recommender.sequence.bsarec import BSARec
    from recommender.sequence.encoder import SequenceEncoder
    from recommender.sequence.iclrec import ICLRec
    from recommender.sequence.icsrec import ICSRec
    from recommender.sequence.model import SequenceModel
    from recommender.sequence.mstein import MStein
    from recommender.sequence.objective import Batch, Objective, TrainingSequences
    from recommender.sequence.sasrec import SASRec
    from recommender.sequence.training import SequenceEpoch, fit_sequence_model

__all__ = [
    "BSARec",
    "Batch",
    "EncoderSettings",
    "FrequencyMixing",
    "ICLRec",
    "ICSRec",
    "MStein",
    "Objective",
    "SASRec",
    "SequenceEncoder",
    "SequenceEpoch",
    "SequenceModel",
    "TrainingSequences",
    "TrainingSettings",
    "fit_sequence_model",
    "hit_ratio",
    "ndcg",
    "next_item_ranks",
    "windows",
]

_HOMES = {
    "BSARec": "bsarec",
    "Batch": "objective",
    "ICLRec": "iclrec",
    "ICSRec": "icsrec",
    "MStein": "mstein",
    "Objective": "objective",
    "SASRec": "sasrec",
    "SequenceEncoder": "encoder",
    "SequenceEpoch": "training",
    "SequenceModel": "model",
    "TrainingSequences": "objective",
    "fit_sequence_model": "training",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
