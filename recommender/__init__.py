"""Recommenders for the loop: baselines, next-item recommendation and the nudging engine.

Embeddings and sequence models, which need torch, live in `recommender.embeddings` and
`recommender.sequence`.
"""

from recommender.baselines import PopularItems, RandomItems
from recommender.generated import GeneratedItems
from recommender.next_item import NextItem
from recommender.nudge import IPG, Arousal, ITMPRec, prematch
from recommender.representation import PresentPreference, Representation
from recommender.retraining import Retrained
from recommender.top_k import TopK

__all__ = [
    "IPG",
    "Arousal",
    "GeneratedItems",
    "ITMPRec",
    "NextItem",
    "PopularItems",
    "PresentPreference",
    "RandomItems",
    "Representation",
    "Retrained",
    "TopK",
    "prematch",
]
