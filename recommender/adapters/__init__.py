"""Other libraries' fitted models as recommenders for the loop, one small file each.

No library is imported before its adapter is used.
"""

from recommender.adapters.cornac import CornacRecommender, fit_cornac
from recommender.adapters.implicit import ImplicitRecommender, fit_implicit
from recommender.adapters.library import LibraryRecommender
from recommender.adapters.numbering import Numbering

__all__ = [
    "CornacRecommender",
    "ImplicitRecommender",
    "LibraryRecommender",
    "Numbering",
    "fit_cornac",
    "fit_implicit",
]
