"""IPG: what the user likes times how far it leads towards the target."""

from __future__ import annotations

from recommender.nudge.liking import Liking, check_liking
from recommender.nudge.steering import Nudge, Similarity, check_targets
from recommender.representation import PresentPreference, Representation
from recommender.unseen import check_view
from simulator.describe import describe
from simulator.domain import IntArray, Vectors
from simulator.interfaces import RoundView
from simulator.search import ItemSearch, Score


class IPG:
    """Iterative preference guidance: argmax over unseen items of basic score times nudge.

    `score(u, i) = (f_u . e_i) * ((e_i - f_u) . e_j)`, with f_u the user's vector and e_j the
    target (Bi et al., "Proactive recommendation with iterative preference guidance", WWW 2024, as
    given in ITMPRec, WWW 2025).

    Args:
        vectors: The space in which a run's preferences live: a run keeps those at unit length, so
            pass `vectors.normalised()`.
        representation: The vectors to score with; the users' present preferences by default, or a
            sequence model, which knows of users what their histories tell.
        liking: "sigmoid" takes the sigmoid of f_u . e_i, "inner" f_u . e_i as it stands; see
            `check_liking` for why it matters.
        nudge: "inner" or "cosine"; see `Nudge`.

    Raises:
        UnknownNameError: If there is no such liking or nudge.
    """

    def __init__(
        self,
        vectors: Vectors,
        *,
        representation: Representation | None = None,
        liking: Liking = "sigmoid",
        nudge: Similarity = "inner",
    ) -> None:
        check_liking(liking)
        self.vectors = vectors
        self.representation = representation or PresentPreference(vectors)
        self.liking: Liking = liking
        self.nudge = Nudge(self.representation.items, nudge)
        self._search = ItemSearch(self.representation.items)

    def recommend(self, view: RoundView) -> IntArray:
        """Catalogue rows, int32, shape (n,).

        Raises:
            ConfigError: Without user vectors or targets, or if a user has seen everything.
        """
        check_view(view, len(self._search))
        users, target = self.representation.users(view), check_targets(view, len(self._search))
        score = Score(self.liking, self.nudge(users, target))
        return self._search.best(users, score, view.seen)

    def describe(self) -> str:
        """The settings that decide what it shows."""
        return (
            f"IPG(liking={self.liking!r}, nudge={self.nudge.similarity!r}, "
            f"representation={describe(self.representation)})"
        )
