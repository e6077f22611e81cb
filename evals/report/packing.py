"""Decisions as one small text in the page: columns of numbers, every text once, deflated.

The text is base64 of a zlib stream, which the page opens with its own `DecompressionStream`. The
stream is the header's length (uint32, little endian), the header as JSON (texts, and each column's
name, type, place and length), and the columns, each begun at a multiple of four bytes.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evals.report.decisions import Decisions
from evals.report.prefixes import prefixes
from evals.report.prompt_parts import prompt_parts
from simulator.domain import FloatArray, IntArray, TextArray
from simulator.seeding import generator

MOST = 50_000
"""Decisions that a page holds; of more a sample is drawn."""

_STEPS = 10_000
"""Probabilities and draws are kept to the fourth digit; `_NONE` stands for none."""
_NONE = np.uint16(65_535)
_TYPES = {"|u1": "u8", "<u2": "u16", "<u4": "u32"}


@dataclass(frozen=True)
class Packed:
    """Decisions as the page holds them.

    Attributes:
        text: Base64; no sign in it means anything to HTML.
        decisions: Kept.
        total: There were.
        prompted: Decisions whose prompts are kept.
        with_prompts: Decisions that have a prompt, of those kept.
    """

    text: str
    decisions: int
    total: int
    prompted: int
    with_prompts: int


def pack(decisions: Decisions, *, room: int, seed: int = 0) -> Packed:
    """The decisions in at most `room` characters.

    Of more than `MOST` decisions a seeded sample is kept, in order. Where the prompts do not fit,
    only those of the most divergent decisions are kept; where the decisions do not fit, fewer are.
    """
    total = len(decisions)
    kept = _sampled(decisions, min(MOST, total), seed)
    while True:
        columns, texts = _columns(kept)
        bare = _text(columns, texts)
        if len(bare) <= room or len(kept) < 2:
            break
        kept = _sampled(decisions, int(len(kept) * 0.9 * room / len(bare)) or 1, seed)
    # Widest gap first: whose prompts are wanted most.
    order = np.argsort(-kept.gap(), kind="stable") if kept.prompts else np.empty(0, np.int64)
    n, packed = len(order), bare
    while n:
        parts = prompt_parts(kept, np.sort(order[:n]))
        packed = _text(columns | parts.columns, {**texts, **parts.texts})
        if len(packed) <= room:
            break
        spent = (room - len(bare)) / (len(packed) - len(bare))
        n, packed = int(n * max(0.0, min(0.9, 0.95 * spent))), bare
    return Packed(packed, len(kept), total, n, len(order))


def _sampled(decisions: Decisions, n: int, seed: int) -> Decisions:
    if n >= len(decisions):
        return decisions
    draws = generator(seed, "decisions of a report")
    rows = np.sort(draws.choice(len(decisions), size=n, replace=False))
    return replace(
        decisions,
        shown=decisions.shown.take(rows),
        users=decisions.users[rows],
        answers={name: clicks.take(rows) for name, clicks in decisions.answers.items()},
        logged=None if decisions.logged is None else decisions.logged[rows],
        truth=None if decisions.truth is None else decisions.truth[rows],
        segments={kind: labels[rows] for kind, labels in decisions.segments.items()},
    )


def _columns(kept: Decisions) -> tuple[dict[str, FloatArray | IntArray], dict[str, Any]]:
    """The columns of the decisions, and the texts that their numbers stand for."""
    shown = kept.shown
    users, user = _coded(kept.users)
    lists, which, length = prefixes(shown.history)
    named = np.unique(
        np.concatenate([shown.item, shown.target[shown.target >= 0], lists.values]).astype(np.int64)
    )
    columns: dict[str, FloatArray | IntArray] = {
        "user": _small(user),
        "item": _small(np.searchsorted(named, shown.item)),
        "draw": _fraction(shown.draw),
        "history": _small(which),
        "history_length": _small(length),
        "list": _small(np.searchsorted(named, lists.values)),
        "list_start": _small(lists.offsets),
    }
    if (shown.target >= 0).any():
        targets = np.searchsorted(named, shown.target) + 1
        columns["target"] = _small(np.where(shown.target >= 0, targets, 0))
    for name, values in (("round", shown.round), ("position", shown.position)):
        if len(np.unique(values)) > 1 and values.min() >= 0:
            columns[name] = _small(values)
    if kept.logged is not None:
        columns["logged"] = kept.logged.astype(np.uint8)
    if kept.truth is not None:
        columns["truth"] = _fraction(kept.truth)
    texts: dict[str, Any] = {
        "models": list(kept.models),
        "users": users,
        "titles": [str(kept.titles[row]) for row in named],
        "categories": [list(kept.categories[row]) for row in named] if kept.categories else [],
        "failures": [],
        "reasons": [],
        "segments": [],
    }
    for place, clicks in enumerate(kept.answers.values()):
        asked = (clicks.source != "") | (clicks.failure != "")
        decided = clicks.source != ""
        columns[f"p{place}"] = _fraction(clicks.probability)
        columns[f"c{place}"] = np.select(
            [~asked, ~decided, clicks.clicked], [3, 2, 1], default=0
        ).astype(np.uint8)
        for kind, letter in (("failure", "f"), ("reason", "r")):
            words, code = _coded(getattr(clicks, kind))
            if words != [""]:
                columns[f"{letter}{place}"] = _small(code)
            texts[f"{kind}s"].append(words)
    for place, (kind, labels) in enumerate(kept.segments.items()):
        names, code = _coded(labels)
        columns[f"s{place}"] = _small(code)
        texts["segments"].append([kind, names])
    return columns, texts


def _text(columns: Mapping[str, FloatArray | IntArray], texts: Mapping[str, Any]) -> str:
    places, blobs, at = [], [], 0
    for name, values in columns.items():
        data = np.ascontiguousarray(values)
        padded = data.tobytes() + bytes(-data.nbytes % 4)
        places.append([name, _TYPES[data.dtype.str], at, len(data)])
        blobs.append(padded)
        at += len(padded)
    header = json.dumps({**texts, "columns": places}, ensure_ascii=False, separators=(",", ":"))
    head = header.encode()
    head += b" " * (-len(head) % 4)
    whole = len(head).to_bytes(4, "little") + head + b"".join(blobs)
    return base64.b64encode(zlib.compress(whole, 9)).decode()


def unpack(text: str) -> tuple[dict[str, Any], dict[str, IntArray]]:
    """What `pack` wrote: the texts, and the columns; what the page does, in Python."""
    whole = zlib.decompress(base64.b64decode(text))
    end = 4 + int.from_bytes(whole[:4], "little")
    texts = json.loads(whole[4:end])
    types = {short: np.dtype(dtype) for dtype, short in _TYPES.items()}
    columns = {
        name: np.frombuffer(whole, types[short], length, end + at)
        for name, short, at, length in texts.pop("columns")
    }
    return texts, columns


def _coded(labels: TextArray | Sequence[str]) -> tuple[list[str], IntArray]:
    """The distinct texts in order of first sight, and which of them each row has."""
    index: dict[str, int] = {}
    code = np.fromiter(
        (index.setdefault(str(label), len(index)) for label in labels), np.int64, len(labels)
    )
    return list(index), code


def _small(values: IntArray) -> IntArray:
    """The same whole numbers in the narrowest type that holds them."""
    highest = int(values.max(initial=0))
    kind = np.uint8 if highest < 2**8 else np.uint16 if highest < 2**16 else np.uint32
    return np.asarray(values).astype(kind)


def _fraction(values: FloatArray) -> IntArray:
    known = ~np.isnan(values)
    return np.where(known, np.rint(np.where(known, values, 0) * _STEPS), _NONE).astype(np.uint16)
