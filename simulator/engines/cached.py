"""An engine that asks its model only about what the decision cache lacks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from simulator.domain import FloatArray
from simulator.engines.decision_cache import Answer, DecisionCache, Origin
from simulator.engines.digests import digest_of_text
from simulator.engines.encoding import Encoder
from simulator.errors import CacheError
from simulator.interfaces import Engine, LabelProbabilities, Prompt, usage_of

_NUMBER = np.dtype("<f4")


class CachedEngine:
    """Answers from the cache where it can, from the engine where it must, and keeps the latter.

    An answer is found again for the same way of running (`engine.name`), model, revision,
    precision, labels or length of text, and the same prompt: its token ids, or its text for an
    engine without an `encoder`. So a repeated run calls no model and repeats to the last bit.
    Failures are never kept. A server tells no revision: when other weights are served under the
    same name, prune that model.

    Args:
        engine: Any engine; closed with this one.
        cache: Closed with this one.

    Raises:
        CacheError: If the cache cannot be read or written; from both methods.
    """

    def __init__(self, engine: Engine, cache: DecisionCache) -> None:
        self.engine = engine
        self.cache = cache
        self.name = str(getattr(engine, "name", type(engine).__name__))
        self.model = str(getattr(engine, "model", type(engine).__name__))
        self.revision: str | None = getattr(engine, "revision", None)
        self.precision = str(getattr(engine, "precision", ""))
        self.why = str(getattr(engine, "why", ""))
        self.settings: Mapping[str, Any] = getattr(engine, "settings", {})
        self.encoder: Encoder | None = getattr(engine, "encoder", None)
        self._found = 0

    def label_probabilities(
        self, prompts: Sequence[Prompt], labels: Sequence[str]
    ) -> LabelProbabilities:
        """The next token's probabilities of the labels, one row a prompt.

        Raises:
            LabelError: If a label is not one token of the model's tokenizer and the cache lacks a
                prompt.
        """
        origin = self._origin({"labels": list(labels)})
        keys = self._keys(prompts)
        found = self.cache.find(origin, keys)
        missing = _first_rows(keys, found)
        numbers = np.full((len(keys), len(labels) + 1), np.nan, dtype=_NUMBER)
        failure = np.full(len(keys), "", dtype=object)
        hits = [row for row, key in enumerate(keys) if key in found]
        numbers[hits] = self._numbers([found[keys[row]] for row in hits], len(labels) + 1)
        self._found += len(hits)
        if missing or not prompts:
            answers = self.engine.label_probabilities(
                [prompts[row] for row in missing.values()], labels
            )
            fresh = np.column_stack([answers.probabilities, answers.mass]).astype(_NUMBER)
            self.cache.keep(origin, _answered(missing, fresh, answers))
            place = {key: k for k, key in enumerate(missing)}
            rows = [row for row, key in enumerate(keys) if key in place]
            source = [place[keys[row]] for row in rows]
            numbers[rows] = fresh[source]
            failure[rows] = answers.failure[source]
        return LabelProbabilities(
            numbers[:, :-1].astype(np.float32), numbers[:, -1].astype(np.float32), failure
        )

    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int) -> list[str]:
        """Greedy continuations, one a prompt; an empty one is a failure and is not kept."""
        origin = self._origin({"text": max_tokens})
        keys = self._keys(prompts)
        found = self.cache.find(origin, keys)
        missing = _first_rows(keys, found)
        self._found += sum(key in found for key in keys)
        if not all(isinstance(answer, str) for answer in found.values()):
            raise self._damaged("texts")
        texts = {key: str(answer) for key, answer in found.items()}
        if missing:
            written = self.engine.generate(
                [prompts[row] for row in missing.values()], max_tokens=max_tokens
            )
            fresh = dict(zip(missing, written, strict=True))
            self.cache.keep(origin, {key: text for key, text in fresh.items() if text})
            texts.update(fresh)
        return [texts[key] for key in keys]

    def usage(self) -> Mapping[str, float]:
        """The engine's counters, and `decisions_from_cache`: prompts that it was spared."""
        spent = usage_of(self.engine)
        return {**spent, "decisions_from_cache": float(self._found)}

    def close(self) -> None:
        """Close the engine and the cache."""
        close = getattr(self.engine, "close", None)
        if callable(close):
            close()
        self.cache.close()

    def _origin(self, asked: Mapping[str, Any]) -> Origin:
        return Origin(
            engine=self.name,
            model=self.model,
            revision=self.revision or "",
            precision=self.precision,
            asked=json.dumps(asked, ensure_ascii=False),
        )

    def _keys(self, prompts: Sequence[Prompt]) -> list[bytes]:
        if self.encoder is None:
            return [digest_of_text(prompt.text) for prompt in prompts]
        return self.encoder.digests(prompts)

    def _numbers(self, answers: Sequence[Answer], width: int) -> FloatArray:
        """Kept answers as numbers, shape (n, width); those that cannot be any are refused."""
        size = width * _NUMBER.itemsize
        if all(isinstance(answer, bytes) and len(answer) == size for answer in answers):
            joined = b"".join(answer for answer in answers if isinstance(answer, bytes))
            numbers: FloatArray = np.frombuffer(joined, dtype=_NUMBER).reshape(-1, width)
            if ((numbers >= 0) & (numbers <= 1)).all():
                return numbers
        raise self._damaged("probabilities")

    def _damaged(self, due: str) -> CacheError:
        return CacheError(
            f"{self.cache.path} holds answers that are no {due}, so it is damaged; move it "
            "away or delete it, or pass another --cache FILE."
        )


def _first_rows(keys: Sequence[bytes], found: Mapping[bytes, Answer]) -> dict[bytes, int]:
    """The first row of each key that is not found, in the order of the rows."""
    rows: dict[bytes, int] = {}
    for row, key in enumerate(keys):
        if key not in found:
            rows.setdefault(key, row)
    return rows


def _answered(
    missing: Mapping[bytes, int], fresh: FloatArray, answers: LabelProbabilities
) -> dict[bytes, Answer]:
    """What may be kept: answers without failure, and whole."""
    whole = (answers.failure == "") & np.isfinite(fresh).all(axis=1)
    return {key: fresh[k].tobytes() for k, key in enumerate(missing) if whole[k]}
