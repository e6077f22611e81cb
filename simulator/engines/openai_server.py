"""A model behind OpenAI-compatible servers, `vllm serve` first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np

from simulator.engines.labels import LabelTokens
from simulator.engines.live_servers import RequestFailedError
from simulator.engines.server_dialects import ChatDialect, Dialect, Reply
from simulator.engines.server_pool import Retrying, ServerPool
from simulator.engines.usage import Usage
from simulator.engines.vllm_dialects import TOKENIZE, vllm_dialect
from simulator.errors import EngineError
from simulator.interfaces import LabelProbabilities, Prompt
from simulator.keys import server_key

Value = TypeVar("Value")

_NOT_THERE = frozenset({404, 405, 501})
_EACH = 64
# A well-formed JSON answer of another shape than the protocol's.
_OTHER_SHAPE = (AttributeError, KeyError, IndexError, TypeError, ValueError)


class OpenAIServerEngine:
    """Label probabilities and text over HTTP.

    A vLLM server is asked for exactly the label tokens, after the same tokens that the in-process
    engine sends, so its answers are the same (see `simulator.engines.vllm_dialects`). Any other
    server is asked for the 20 likeliest next tokens of a chat; a label that is not among them
    counts as zero there.

    Several servers must be replicas: the same model, under the same name and with the same window.
    Requests go to the server with the fewest under way, those about one user to the same server
    where that does not unbalance the load (`LiveServers`), and prompts with a common beginning one
    after the other, so that prefix caches serve them. A replica that dies, or is not there yet, is
    left out and tried again; its requests go to the others at once. With all of them gone, requests
    wait for `Retrying.patience` before their rows fail.

    A request that fails after its retries is a failed row with a reason; so is an answer that
    cannot be read, or whose log-probabilities are none. The API key is read from the environment
    variable NUDGESIM_API_KEY or OPENAI_API_KEY, and from nowhere else; where a server says it back,
    it is hidden before anybody reads the answer.

    Args:
        urls: Base URLs of servers of the same model.
        model: The name it is served under; the first that a server lists by default.
        concurrency: Requests under way at once, over all servers; by default 64 for each.
        retrying: When to give up on a request.

    Attributes:
        name: "openai".
        model: The name it is served under.
        revision: What the server says it loaded under that name (vLLM's `root`), or None.
        precision: "", since servers do not tell.
        why: One line on what is asked where, and which servers are not there yet.
        settings: URLs, concurrency, endpoint and patience; never a key.

    Raises:
        EngineError: If no server can be reached, two serve different models, or one refuses the
            key.
        UnknownNameError: If a server does not serve the model.
        ConfigError: If a URL may hold a secret, or no header can carry the key.
    """

    name = "openai"
    precision = ""

    def __init__(
        self,
        urls: Sequence[str] | str = ("http://localhost:8000",),
        *,
        model: str | None = None,
        concurrency: int | None = None,
        retrying: Retrying | None = None,
    ) -> None:
        if not urls:
            raise EngineError("No server URL; give one, such as http://localhost:8000.")
        urls = [urls] if isinstance(urls, str) else urls
        retrying = retrying or Retrying()
        concurrency = concurrency or _EACH * len(urls)
        self._pool = ServerPool(
            urls,
            concurrency=concurrency,
            retrying=retrying,
            key=server_key(),
            model=model,
        )
        self._usage = Usage()
        self._spelled: dict[tuple[str, ...], LabelTokens] = {}
        self.model = self._pool.served.name
        self.revision = self._pool.served.root
        try:
            self._dialect = _dialect(self._pool)
        except (RequestFailedError, *_OTHER_SHAPE) as error:
            self._pool.close()
            raise EngineError(f"Cannot use the server at {self._pool.urls[0]}: {error}") from error
        except BaseException:
            self._pool.close()
            raise
        self.why = _why(self._pool, self._dialect)
        self.settings: Mapping[str, Any] = {
            "urls": self._pool.urls,
            "endpoint": self._dialect.PATH,
            "concurrency": concurrency,
            **asdict(retrying),
        }

    def label_probabilities(
        self, prompts: Sequence[Prompt], labels: Sequence[str]
    ) -> LabelProbabilities:
        """The next token's probabilities of the labels, one row a prompt.

        Raises:
            LabelError: If a label is not one token of the model's tokenizer, where the server
                can tell.
            EngineError: If the server refuses the key.
        """
        with self._usage.call():
            spelled = self._label_tokens(labels)
            replies = self._ask(lambda prompt: self._dialect.score(prompt, spelled), prompts)
            logs = np.full((len(prompts), len(spelled.token_ids)), -np.inf)
            for row, (reply, _) in enumerate(replies):
                if reply is not None:
                    logs[row] = reply.value
            answers = spelled.fold(logs, _failures(replies))
            failed = int((answers.failure != "").sum())
            self._usage.failures += failed
            self._usage.decisions += len(prompts) - failed
        return answers

    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int) -> list[str]:
        """Greedy continuations; "" where a request failed."""
        with self._usage.call():
            replies = self._ask(lambda prompt: self._dialect.write(prompt, max_tokens), prompts)
            self._usage.failures += sum(reply is None for reply, _ in replies)
            self._usage.generated_tokens += sum(r.generated_tokens for r, _ in replies if r)
        return [reply.value if reply else "" for reply, _ in replies]

    def usage(self) -> Mapping[str, float]:
        """Counters since its making; see `simulator.engines.usage.Usage`.

        Beside those, "requests at URL" for each server: HTTP requests, retries and questions to
        the tokenizer included.
        """
        self._usage.retries = self._pool.retries
        sent = {f"requests at {url}": float(n) for url, n in self._pool.requests().items()}
        return {**self._usage.as_mapping(), **sent}

    def close(self) -> None:
        """Close the connections; the server goes on."""
        self._pool.close()

    def _label_tokens(self, labels: Sequence[str]) -> LabelTokens:
        """Asked once for each set of labels."""
        if tuple(labels) not in self._spelled:
            try:
                self._spelled[tuple(labels)] = self._dialect.label_tokens(labels)
            except RequestFailedError as error:
                raise EngineError(
                    f"Cannot ask {self._pool.urls[0]} about labels: {error}."
                ) from error
        return self._spelled[tuple(labels)]

    def _ask(
        self, ask: Callable[[Prompt], Reply[Value]], prompts: Sequence[Prompt]
    ) -> list[tuple[Reply[Value] | None, str]]:
        """Each prompt's reply, or None and why there is none."""

        def attempt(row: int) -> tuple[Reply[Value] | None, str]:
            try:
                return ask(prompts[row]), ""
            except RequestFailedError as error:
                return None, str(error)
            except _OTHER_SHAPE as error:
                return None, f"the server's answer cannot be read ({error!r})"

        parts = [(prompt.static, prompt.user, prompt.candidate) for prompt in prompts]
        # Neighbours in this order share the longest beginnings, and are asked close in time.
        order = sorted(range(len(prompts)), key=parts.__getitem__)
        answered = dict(zip(order, self._pool.map(attempt, order), strict=True))
        replies = [answered[row] for row in range(len(prompts))]
        self._usage.requests += len(prompts)
        self._usage.prompt_tokens += sum(reply.prompt_tokens for reply, _ in replies if reply)
        self._usage.cached_tokens += sum(reply.cached_tokens for reply, _ in replies if reply)
        return replies


def _failures(replies: Sequence[tuple[Any, str]]) -> Any:
    failure = np.empty(len(replies), dtype=object)
    failure[:] = [text for _, text in replies]
    return failure


def _dialect(pool: ServerPool) -> Dialect:
    """The exact way where the server is vLLM, else plain chat completions."""
    served = pool.served
    # An empty body: an endpoint that exists complains about it.
    if served.window is None or pool.probe(TOKENIZE, {}).status in _NOT_THERE:
        return ChatDialect(pool, served.name)
    return vllm_dialect(pool, served.name, served.window)


def _why(pool: ServerPool, dialect: Dialect) -> str:
    living = [url for url in pool.urls if url not in pool.absent]
    absent = "".join(f" Not there yet: {url} ({reason})." for url, reason in pool.absent.items())
    return f"{pool.served.name} at {', '.join(living)}, {dialect.description}.{absent}"
