"""What a server says of the model it serves: `/v1/models`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from simulator.engines.http_exchange import HttpAnswer
from simulator.errors import EngineError, UnknownNameError

MODELS = "/v1/models"


class AbsentModelError(Exception):
    """A server lists no model (yet); its text says what it did instead."""


@dataclass(frozen=True)
class ListedModel:
    """One served model.

    Attributes:
        name: The id to ask for it by.
        window: Tokens for prompt and answer (vLLM's `max_model_len`); None where not told.
        root: What was loaded under that id (vLLM): a folder or a model hub's id; None where not
            told.
    """

    name: str
    window: int | None
    root: str | None

    @classmethod
    def read(cls, answer: HttpAnswer, url: str, model: str | None) -> Self:
        """The model of that id, or the first that is listed.

        Raises:
            AbsentModelError: If there is no list, as while a server starts.
            UnknownNameError: If the list lacks the model.
            EngineError: If the key is refused.
        """
        if answer.status in (401, 403):
            raise EngineError(
                f"{url} refuses the key; set NUDGESIM_API_KEY or OPENAI_API_KEY to a valid one."
            )
        if not answer.is_success:
            raise AbsentModelError(f"the server answered {answer.status}: {answer.message()}")
        try:
            entries = {str(entry["id"]): entry for entry in answer.json()["data"]}
        except (ValueError, KeyError, TypeError):
            raise AbsentModelError("the server answers with no list of models") from None
        if not entries:
            raise AbsentModelError("the server lists no model")
        if model is not None and model not in entries:
            raise UnknownNameError(f"model at {url}", model, entries)
        name = next(iter(entries)) if model is None else model
        window, root = entries[name].get("max_model_len"), entries[name].get("root")
        return cls(
            name,
            window if isinstance(window, int) else None,
            root if isinstance(root, str) else None,
        )

    def require_same(self, other: ListedModel, url: str, other_url: str) -> None:
        """Replicas must be replicas.

        The root is not compared: the same weights may lie in other folders on other machines.

        Raises:
            EngineError: If two servers serve models of different names or windows.
        """
        if (self.name, self.window) != (other.name, other.window):
            raise EngineError(
                f"{url} serves {self.described()} and {other_url} serves {other.described()}; "
                "all servers of a run must serve the same model. Start them alike, name one with "
                "--model, or leave a --url out."
            )

    def described(self) -> str:
        """Name and window."""
        window = "" if self.window is None else f" with a window of {self.window} tokens"
        return f"{self.name!r}{window}"
