"""Vectors of users and items: trained here, measured, kept on disk.

`fit_graphau` loads torch on first use.
"""

from typing import TYPE_CHECKING, Any

from recommender.embeddings.matrix_factorisation import fit_mf
from recommender.embeddings.recall import recall_of_held_out
from recommender.embeddings.settings import GraphAUSettings, MatrixFactorisationSettings
from recommender.embeddings.training import Epoch
from recommender.embeddings.vector_files import load_vectors, save_vectors
from recommender.embeddings.vector_manifest import interactions_digest, vector_manifest

if TYPE_CHECKING:
    from recommender.embeddings.graphau import fit_graphau

__all__ = [
    "Epoch",
    "GraphAUSettings",
    "MatrixFactorisationSettings",
    "fit_graphau",
    "fit_mf",
    "interactions_digest",
    "load_vectors",
    "recall_of_held_out",
    "save_vectors",
    "vector_manifest",
]


def __getattr__(name: str) -> Any:
    if name == "fit_graphau":
        from recommender.embeddings.graphau import fit_graphau

        return fit_graphau
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
