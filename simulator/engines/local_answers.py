"""What the engines that run a model in this process share: encode, ask, fold, count."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from simulator.domain import FloatArray, IntArray
from simulator.engines.encoding import Encoder
from simulator.engines.labels import label_tokens
from simulator.engines.memory import enough_memory
from simulator.engines.usage import Usage
from simulator.errors import EngineError
from simulator.interfaces import LabelProbabilities, Prompt


class LocalEngine(ABC):
    """An engine over token ids; a subclass runs the model and says how.

    Attributes:
        name: Short name of the way the model is run.
        model: What the user called the model.
        revision: Which version of it: a commit of the model hub, or a digest of the folder.
        precision: Of weights and arithmetic, such as "float32", and whatever else a caller set
            that changes answers.
        settings: What was chosen for this machine, plain values by name.
        why: One line on what runs, where, and in which precision.
        encoder: How prompts become tokens; `encoder.encode`, `count_tokens` and
            `display` show exactly what the model receives.
    """

    name: str
    model: str
    revision: str | None
    precision: str
    settings: Mapping[str, Any]
    why: str
    encoder: Encoder

    def __init__(self) -> None:
        self._usage = Usage()
        self._closed = False

    def label_probabilities(
        self, prompts: Sequence[Prompt], labels: Sequence[str]
    ) -> LabelProbabilities:
        """The next token's probabilities of the labels, one row a prompt.

        A prompt longer than the model's window is a failed row; nothing is truncated.

        Raises:
            LabelError: If a label is not one token of the model's tokenizer.
            EngineError: If the engine was closed, or memory does not suffice.
        """
        self._require_open()
        with self._usage.call(), enough_memory(self._with_less_memory()):
            spelled = label_tokens(self.encoder.tokenize, labels)
            encoded = self.encoder.encode(prompts)
            failure = self.encoder.window_failures(encoded, answer_tokens=1)
            rows = np.flatnonzero(failure == "")
            fitting = self._fitting(encoded, rows)
            logs = np.full((len(encoded), len(spelled.token_ids)), -np.inf)
            if fitting:
                asked = [prompts[row] for row in rows]
                logs[rows] = self._next_token(asked, fitting, spelled.token_ids)
            answers = spelled.fold(logs, failure)
            failed = int((answers.failure != "").sum())
            self._usage.failures += failed
            self._usage.decisions += len(encoded) - failed
        return answers

    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int) -> list[str]:
        """Greedy continuations; "" where prompt and answer do not fit into the window.

        Raises:
            EngineError: If the engine was closed, or memory does not suffice.
        """
        self._require_open()
        texts = [""] * len(prompts)
        with self._usage.call(), enough_memory(self._with_less_memory()):
            encoded = self.encoder.encode(prompts)
            failure = self.encoder.window_failures(encoded, answer_tokens=max_tokens)
            rows = np.flatnonzero(failure == "")
            fitting = self._fitting(encoded, rows)
            written = self._continue(fitting, max_tokens) if fitting else []
            for row, ids in zip(rows, written, strict=True):
                texts[row] = self.encoder.decode(ids)
            self._usage.generated_tokens += sum(len(ids) for ids in written)
            self._usage.failures += len(prompts) - len(rows)
        return texts

    def usage(self) -> Mapping[str, float]:
        """Counters since its making; see `simulator.engines.usage.Usage`."""
        return self._usage.as_mapping()

    def close(self) -> None:
        """Free the model's memory; the engine cannot be used afterwards."""
        self._closed = True

    @abstractmethod
    def _next_token(
        self, prompts: list[Prompt], encoded: list[list[int]], token_ids: list[int]
    ) -> FloatArray:
        """Log-probabilities of `token_ids` after each prompt, shape (n, len(token_ids)).

        Args:
            prompts: All fit into the window.
            encoded: Their token ids.
            token_ids: Which of the vocabulary's scores to read.
        """

    @abstractmethod
    def _continue(self, encoded: list[list[int]], max_tokens: int) -> list[list[int]]:
        """Greedy continuations as token ids, without the token that ends them."""

    def _with_less_memory(self) -> str:
        """How the model can be run with less memory, in a sentence."""
        return "Free some, or choose a smaller model."

    def _require_open(self) -> None:
        if self._closed:
            raise EngineError("This engine was closed; open another.")

    def _fitting(self, encoded: list[list[int]], rows: IntArray) -> list[list[int]]:
        fitting = [encoded[row] for row in rows]
        self._usage.requests += len(fitting)
        self._usage.prompt_tokens += sum(len(ids) for ids in fitting)
        return fitting
