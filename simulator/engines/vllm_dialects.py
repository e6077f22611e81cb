"""How a vLLM server is asked: the label tokens' log-probabilities from the full distribution.

`/tokenize` says which tokens spell the labels, and how the served model's chat header ends. Then
there are two ways to read them:

- chat completions with `logprob_token_ids`, one request a decision, for models whose answer
  follows the chat header at once;
- completions from token ids, for models without a chat template and for the GLM family, whose
  answers open with a line break that must be written for them. This endpoint lists the 20
  likeliest tokens; a label token that is not among them is asked for by allowing no other
  (`allowed_token_ids`), since vLLM reports log-probabilities from before that mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from simulator.domain import FloatArray
from simulator.engines.encoding import answer_opening, window_failures
from simulator.engines.labels import LabelTokens, label_tokens
from simulator.engines.live_servers import RequestFailedError
from simulator.engines.server_dialects import Dialect, Reply, log_probabilities, reply, written
from simulator.engines.server_pool import AWAY, BUSY, PASSING, ServerPool
from simulator.interfaces import Prompt

TOKENIZE = "/tokenize"
_TOP = 20
"""As many as vLLM lists by default (`--max-logprobs`)."""


@dataclass(frozen=True)
class ServedModel:
    """A model on a vLLM server, and its tokenizer there."""

    pool: ServerPool
    model: str

    def tokenize(self, text: str, *, add_special_tokens: bool = False) -> list[int]:
        """Token ids of a raw text."""
        return self._ids({"prompt": text, "add_special_tokens": add_special_tokens})

    def tokenize_chat(self, text: str) -> list[int]:
        """Token ids of one user message under the model's chat header."""
        return self._ids(self.chat_body(text))

    def label_tokens(self, labels: Sequence[str]) -> LabelTokens:
        """The labels' one-token spellings."""
        return label_tokens(self.tokenize, labels)

    def chat_body(self, text: str) -> dict[str, Any]:
        """One user message, as the local engines wrap it."""
        return {
            "model": self.model,
            "messages": [{"role": "user", "content": text}],
            "add_generation_prompt": True,
            "chat_template_kwargs": {"enable_thinking": False},
        }

    def _ids(self, body: dict[str, Any]) -> list[int]:
        answer = self.pool.post(TOKENIZE, {"model": self.model, **body})
        ids = answer.get("tokens") if isinstance(answer, dict) else None
        if not isinstance(ids, list) or not all(isinstance(token, int) for token in ids):
            raise RequestFailedError("the server's answer to /tokenize holds no token ids")
        return ids


@dataclass(frozen=True)
class LabelledChat:
    """Chat completions with `logprob_token_ids`."""

    served: ServedModel

    PATH: ClassVar[str] = "/v1/chat/completions"
    description: ClassVar[str] = "with the label tokens' log-probabilities"

    def label_tokens(self, labels: Sequence[str]) -> LabelTokens:
        """The labels' one-token spellings in the served model's tokenizer."""
        return self.served.label_tokens(labels)

    def score(self, prompt: Prompt, labels: LabelTokens) -> Reply[FloatArray]:
        """One token is sampled and thrown away; the label tokens' numbers come beside it."""
        wanted = labels.token_ids
        answer = self._chat(
            prompt,
            max_tokens=1,
            logprobs=True,
            logprob_token_ids=wanted,
            return_tokens_as_token_ids=True,
        )
        listed = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        by_token = {entry["token"]: entry["logprob"] for entry in listed}
        return reply(log_probabilities([by_token[_name(token)] for token in wanted]), answer)

    def write(self, prompt: Prompt, max_tokens: int) -> Reply[str]:
        """Greedy."""
        answer = self._chat(prompt, max_tokens=max_tokens)
        return reply(written(answer["choices"][0]["message"]["content"]), answer)

    def _chat(self, prompt: Prompt, **settings: Any) -> Any:
        body = {**self.served.chat_body(prompt.text), "temperature": 0, **settings}
        return self.served.pool.post(self.PATH, body, user=prompt.user)


@dataclass(frozen=True)
class LabelledCompletion:
    """Completions from token ids.

    Attributes:
        served: The model.
        window: Tokens for prompt and answer.
        chat: Whether prompts get the model's chat header.
        opening: Token ids between the chat header and the answer's first token.
    """

    served: ServedModel
    window: int
    chat: bool
    opening: tuple[int, ...] = ()

    PATH: ClassVar[str] = "/v1/completions"
    description: ClassVar[str] = "from token ids, with the label tokens' log-probabilities"

    def label_tokens(self, labels: Sequence[str]) -> LabelTokens:
        """The labels' one-token spellings in the served model's tokenizer."""
        return self.served.label_tokens(labels)

    def score(self, prompt: Prompt, labels: LabelTokens) -> Reply[FloatArray]:
        """The likeliest tokens first, then each label token that is not among them."""
        ids = self._encode(prompt, answer_tokens=1)
        wanted = labels.token_ids
        answer = self._complete(prompt.user, ids, _TOP, wanted)
        found = dict(_listed(answer))
        for token in wanted:
            if _name(token) not in found:
                found |= _listed(self._complete(prompt.user, ids, 0, [token]))
        return reply(log_probabilities([found[_name(token)] for token in wanted]), answer)

    def write(self, prompt: Prompt, max_tokens: int) -> Reply[str]:
        """Greedy."""
        ids = self._encode(prompt, answer_tokens=max_tokens)
        answer = self._post(prompt.user, {"prompt": ids, "max_tokens": max_tokens})
        return reply(written(answer["choices"][0]["text"]), answer)

    def _encode(self, prompt: Prompt, answer_tokens: int) -> list[int]:
        if self.chat:
            ids = [*self.served.tokenize_chat(prompt.text), *self.opening]
        else:
            ids = self.served.tokenize(prompt.text, add_special_tokens=True)
        failure = window_failures([len(ids)], self.window, answer_tokens)[0]
        if failure:
            raise RequestFailedError(failure)
        return ids

    def _complete(self, user: str, ids: list[int], listed: int, allowed: list[int]) -> Any:
        return self._post(
            user,
            {
                "prompt": ids,
                "max_tokens": 1,
                "logprobs": listed,
                "allowed_token_ids": allowed,
                "return_tokens_as_token_ids": True,
            },
        )

    def _post(self, user: str, body: dict[str, Any]) -> Any:
        body = {"model": self.served.model, "temperature": 0, **body}
        return self.served.pool.post(self.PATH, body, user=user)


def vllm_dialect(pool: ServerPool, model: str, window: int) -> Dialect:
    """The way that suits the model and the server's version.

    Raises:
        RequestFailedError: If the server cannot be asked.
    """
    served = ServedModel(pool, model)
    probe = pool.probe(TOKENIZE, {**served.chat_body("a"), "return_token_strs": True})
    if probe.status in BUSY | AWAY | PASSING:
        # A server that is busy or starting says nothing about its chat template.
        raise RequestFailedError(
            f"the server answered {probe.status}: {probe.message()} Try again."
        )
    if not probe.is_success:
        return LabelledCompletion(served, window, chat=False)
    opening = answer_opening(probe.json()["token_strs"][-1])
    if opening:
        ids = tuple(served.tokenize(opening))
        return LabelledCompletion(served, window, chat=True, opening=ids)
    chat = LabelledChat(served)
    try:
        chat.score(Prompt("", "", "a"), LabelTokens(("0", "1"), ((0,), (1,))))
    except (RequestFailedError, KeyError, TypeError, IndexError, AttributeError):
        # A version of vLLM whose chat endpoint does not know `logprob_token_ids`.
        return LabelledCompletion(served, window, chat=True)
    return chat


def _name(token: int) -> str:
    return f"token_id:{token}"


def _listed(answer: Any) -> dict[str, float]:
    listed: dict[str, float] = answer["choices"][0]["logprobs"]["top_logprobs"][0]
    return listed
