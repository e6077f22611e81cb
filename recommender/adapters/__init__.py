"""Other libraries' fitted models as recommenders for the loop, one small file each.

No library is imported before its adapter is used.
"""

from recommender.adapters.by_ids import ByIds
from recommender.adapters.cornac import CornacRecommender, fit_cornac
from recommender.adapters.implicit import ImplicitRecommender, fit_implicit
from recommender.adapters.lenskit import LensKitRecommender, fit_lenskit
from recommender.adapters.library import LibraryRecommender
from recommender.adapters.numbering import Numbering
from recommender.adapters.predictor import Predictor
from recommender.adapters.recbole import RecBoleRecommender, fit_recbole

__all__ = [
    "ByIds",
    "CornacRecommender",
    "ImplicitRecommender",
    "LensKitRecommender",
    "LibraryRecommender",
    "Numbering",
    "Predictor",
    "RecBoleRecommender",
    "fit_cornac",
    "fit_implicit",
    "fit_lenskit",
    "fit_recbole",
]
