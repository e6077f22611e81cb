"""The methods of the paper's tables, by our names and by the paper's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, get_args

from simulator.config import RecommenderName
from simulator.errors import UnknownNameError

_WITHOUT = "-without-"
_LABELS = {
    "sasrec": "SASRec",
    "iclrec": "ICLRec",
    "mstein": "MStein",
    "bsarec": "BSARec",
    "icsrec": "ICSRec",
    "irn": "IRN",
    "ipg": "IPG",
    "llm-ipp": "LLM-IPP",
    "itmprec": "ITMPRec",
    "popular": "most popular",
    "random": "random",
}
_PARTS = {"prematch": "P", "intention": "IIS", "arousal": "TIAC"}
"""Parts of ITMPRec by the letters of the paper's ablations."""


@dataclass(frozen=True)
class Method:
    """A recommender, perhaps with a part left out.

    Attributes:
        recommender: By `RunConfig`'s name.
        without: Parts left out, see `RunConfig.without`.
    """

    recommender: str
    without: frozenset[str] = frozenset()

    @classmethod
    def named(cls, name: str) -> Self:
        """A method by its name: "ipg", "itmprec-without-prematch".

        Raises:
            UnknownNameError: If nothing goes by that name.
        """
        recommender, without, part = name.partition(_WITHOUT)
        if recommender not in get_args(RecommenderName) or (without and part not in _PARTS):
            ablations = (f"itmprec{_WITHOUT}{part}" for part in _PARTS)
            raise UnknownNameError("method", name, (*get_args(RecommenderName), *ablations))
        return cls(recommender, frozenset({part} if part else ()))

    @property
    def name(self) -> str:
        """Ours, as `named` reads it; runs' folders carry it."""
        return _WITHOUT.join((self.recommender, *sorted(self.without)))

    @property
    def label(self) -> str:
        """The paper's, as in its table 4."""
        label = _LABELS[self.recommender]
        return f"{label} w/o {', '.join(_PARTS[p] for p in sorted(self.without))}".removesuffix(
            " w/o "
        )


TABLE_4 = (
    "sasrec", "iclrec", "mstein", "bsarec", "icsrec", "irn", "ipg", "llm-ipp",
    "itmprec-without-prematch", "itmprec",
)  # fmt: skip
TABLE_3 = (
    "itmprec-without-prematch",
    "itmprec-without-intention",
    "itmprec-without-arousal",
    "itmprec",
)
