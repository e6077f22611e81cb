"""How a server is asked: the contract, and the chat endpoint that every server has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
from scipy.special import logsumexp

from simulator.domain import FloatArray
from simulator.engines.labels import LabelTokens
from simulator.engines.live_servers import RequestFailedError
from simulator.engines.server_pool import ServerPool
from simulator.errors import LabelError
from simulator.interfaces import Prompt

Value = TypeVar("Value")
_TOP = 20
"""The most next tokens that OpenAI-compatible servers list."""
_ROUNDING = 1e-3
"""How far above zero a log-probability may be rounded."""


@dataclass(frozen=True)
class Reply(Generic[Value]):
    """A server's answer to one prompt, and what it cost."""

    value: Value
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0


class Dialect(Protocol):
    """Scores and writes; each request that fails raises RequestFailedError."""

    PATH: ClassVar[str]

    @property
    def description(self) -> str:
        """In a few words, for the line that says what runs."""
        ...

    def label_tokens(self, labels: Sequence[str]) -> LabelTokens:
        """The labels' columns in `score`."""
        ...

    def score(self, prompt: Prompt, labels: LabelTokens) -> Reply[FloatArray]:
        """Log-probabilities at the next token, shape (len(labels.token_ids),)."""
        ...

    def write(self, prompt: Prompt, max_tokens: int) -> Reply[str]:
        """The greedy continuation."""
        ...


@dataclass(frozen=True)
class ChatDialect:
    """Chat completions with the likeliest next tokens, read by their text."""

    pool: ServerPool
    model: str

    PATH: ClassVar[str] = "/v1/chat/completions"
    description: ClassVar[str] = f"with the {_TOP} likeliest tokens' log-probabilities"

    def label_tokens(self, labels: Sequence[str]) -> LabelTokens:
        """One column a label: whether a label is one token shows only in the answers."""
        if len(set(labels)) < 2 or len(set(labels)) < len(labels):
            raise LabelError(f"Labels {list(labels)} are not two or more different words.")
        return LabelTokens(tuple(labels), tuple((column,) for column in range(len(labels))))

    def score(self, prompt: Prompt, labels: LabelTokens) -> Reply[FloatArray]:
        """Sum the listed tokens that spell each label, with or without a blank before."""
        answer = self._chat(prompt, 1, {"logprobs": True, "top_logprobs": _TOP})
        content = (answer["choices"][0].get("logprobs") or {}).get("content")
        if not content:
            raise RequestFailedError(
                'the server returned no log-probabilities; use mode="text" with it'
            )
        listed = content[0]["top_logprobs"]
        logs = np.full(len(labels.labels), -np.inf)
        for column, label in enumerate(labels.labels):
            spelled = [t["logprob"] for t in listed if t["token"] in (label, " " + label)]
            if spelled:
                logs[column] = logsumexp(log_probabilities(spelled))
        return reply(logs, answer)

    def write(self, prompt: Prompt, max_tokens: int) -> Reply[str]:
        """Greedy."""
        answer = self._chat(prompt, max_tokens, {})
        return reply(written(answer["choices"][0]["message"]["content"]), answer)

    def _chat(self, prompt: Prompt, max_tokens: int, extra: dict[str, Any]) -> Any:
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": prompt.text}],
            "max_tokens": max_tokens,
            "temperature": 0,
            **extra,
        }
        return self.pool.post(self.PATH, body, user=prompt.user)


def log_probabilities(values: Sequence[Any]) -> FloatArray:
    """What a server gave for log-probabilities, float64.

    Raises:
        RequestFailedError: If one of them is none: null, text, NaN, or clearly above zero.
    """
    for value in values:
        if not isinstance(value, int | float) or not value <= _ROUNDING:
            raise RequestFailedError(f"the server gave {value!r} for a log-probability")
    return np.asarray(values, dtype=np.float64)


def written(content: Any) -> str:
    """A generated text; null is no text.

    Raises:
        RequestFailedError: If it is something else.
    """
    if content is not None and not isinstance(content, str):
        raise RequestFailedError(f"the server gave {content!r} for a text")
    return content or ""


def reply(value: Value, answer: Any) -> Reply[Value]:
    """A value with the token counts that the server's answer carries."""
    usage = answer.get("usage") or {}
    # Only where the server counts them: `vllm serve --enable-prompt-tokens-details`.
    details = usage.get("prompt_tokens_details") or {}
    return Reply(
        value,
        int(usage.get("prompt_tokens") or 0),
        int(details.get("cached_tokens") or 0),
        int(usage.get("completion_tokens") or 0),
    )
