"""Nudging: steer users, item by item, towards a target. IRN, which needs torch, loads on first use.

Step by step: `IPG` and `ITMPRec`, with `prematch` and `Arousal` (TIAC). A whole path at once:
`IRN` and `LLMIPP`.
"""

from typing import TYPE_CHECKING, Any

from recommender.nudge.arousal import Arousal
from recommender.nudge.intention import Intentions
from recommender.nudge.ipg import IPG
from recommender.nudge.irn_settings import IRNSettings
from recommender.nudge.itmprec import ITMPRec
from recommender.nudge.liking import Liking
from recommender.nudge.llm_ipp import LLMIPP
from recommender.nudge.planned_path import PlannedPath
from recommender.nudge.prematch import prematch
from recommender.nudge.steering import Similarity

if TYPE_CHECKING:
    from recommender.nudge.irn import IRN
    from recommender.nudge.irn_files import load_irn, save_irn
    from recommender.nudge.irn_training import IRNEpoch, fit_irn

__all__ = [
    "IPG",
    "IRN",
    "LLMIPP",
    "Arousal",
    "IRNEpoch",
    "IRNSettings",
    "ITMPRec",
    "Intentions",
    "Liking",
    "PlannedPath",
    "Similarity",
    "fit_irn",
    "load_irn",
    "prematch",
    "save_irn",
]

_HOMES = {
    "IRN": "irn",
    "IRNEpoch": "irn_training",
    "fit_irn": "irn_training",
    "load_irn": "irn_files",
    "save_irn": "irn_files",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
