"""What does a decision cost beside the model? Every step from a history to the written round.

    python -m evals.benchmarks.prompt_overhead --data demo --users 300 --targets 20 --rounds 3

The prompts are those of a nudging run: the shipped film template with few-shot examples, histories
of which about 20 titles are shown, an own history for each user and target, about 900 tokens with
the small byte-level BPE that is trained here. A third of the rows clicks, so that histories grow.
The model is left out: an engine answers at once, with what the real ones do around their model.

Reported: microseconds a prompt for each step, taken one by one; then for all of them as a run has
them (agent, decision cache in a file, engine, log); and beside it the plain way, in which each
prompt is rendered whole and tokenised as one string.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from prompts import Example, PromptRenderer, ShownItem, Template, load_template
from simulator.clicks import AgentClicks
from simulator.data import load_dataset
from simulator.domain import Catalogue, Clicks, Exposures, FloatArray, Ragged
from simulator.engines import Encoder
from simulator.engines.cached import CachedEngine
from simulator.engines.decision_cache import DecisionCache, Origin
from simulator.engines.local_answers import LocalEngine
from simulator.interfaces import Prompt
from simulator.runlog import RunLog
from simulator.seeding import uniforms

_BLOCK, _START, _CLICKED = 2_000, 25, 1 / 3
_EXAMPLES, _PAST = 6, 5
_VOCABULARY = 1_500
_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Llama 3 cuts text into words."""
_SAMPLE = 300


@dataclass(frozen=True)
class World:
    """What prompts are made from."""

    catalogue: Catalogue
    template: Template
    examples: tuple[Example, ...]
    tokenizer: PreTrainedTokenizerFast

    @classmethod
    def of(cls, data: str, template_name: str) -> Self:
        """A data set's catalogue and a template, with examples and a tokenizer made for them."""
        catalogue, template = load_dataset(data).catalogue, load_template(template_name)
        examples = _examples(catalogue)
        return cls(catalogue, template, examples, _tokenizer(catalogue, template, examples))


class SilentEngine(LocalEngine):
    """A local engine whose model takes no time: the same numbers for every prompt."""

    name = model = revision = precision = why = "silent"

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def _next_token(
        self, prompts: list[Prompt], encoded: list[list[int]], token_ids: list[int]
    ) -> FloatArray:
        in_order(encoded)
        return np.full((len(encoded), len(token_ids)), np.log(0.9 / len(token_ids)))

    def _continue(self, encoded: list[list[int]], max_tokens: int) -> list[list[int]]:
        return [[] for _ in encoded]


class StopWatch:
    """Seconds by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def on(self, name: str) -> Iterator[None]:
        """Add the time inside."""
        began = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - began


def in_order(encoded: Sequence[list[int]]) -> list[int]:
    """Row numbers, such that rows with a common beginning stand together."""
    return sorted(range(len(encoded)), key=encoded.__getitem__)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="demo")
    parser.add_argument("--template", default="movies/click-en")
    parser.add_argument("--users", type=int, default=300)
    parser.add_argument("--targets", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()

    world = World.of(asked.data, asked.template)
    rounds = _rounds(world.catalogue, asked.users, asked.targets, asked.rounds)
    shown = [list(blocks) for blocks in rounds]
    n = sum(len(block.item) for blocks in shown for block in blocks)

    watch = StopWatch()
    with tempfile.TemporaryDirectory() as folder:
        prompt, tokens = _steps(watch, shown, world, folder)
    with tempfile.TemporaryDirectory() as folder:
        _together(watch, shown, world, folder)
    plain = _plain(shown[-1][0], world)

    print(f"{n:,} prompts, {tokens / n:,.0f} tokens each, {asked.rounds} rounds; the first ends:")
    print("    " + "\n    ".join((prompt.user + prompt.candidate).splitlines()[-4:]))
    print(f"a tokenizer is proved once, in {watch.seconds.pop('prove') * 1e3:.0f} ms")
    for name, seconds in watch.seconds.items():
        print(f"{name:24}{seconds / n * 1e6:8.1f} us a prompt")
    together = watch.seconds["all together"] / n
    print(f"{'the plain way':24}{plain * 1e6:8.1f} us a prompt (render and tokenise alone)")
    print(f"{1 / together:,.0f} prompts/s with everything; render and tokenise:")
    steps = ("render", "digest of new tokens", "token ids")
    ours = sum(watch.seconds[step] for step in steps) / n
    print(f"{1 / ours:,.0f} prompts/s, {plain / ours:.0f} times the plain way's {1 / plain:,.0f}")


def _steps(
    watch: StopWatch,
    shown: list[list[Exposures]],
    world: World,
    folder: str,
) -> tuple[Prompt, int]:
    """Each step by itself; the first prompt, and the tokens of all."""
    renderer = PromptRenderer(world.template, world.catalogue, world.examples)
    encoder = Encoder(world.tokenizer, 8_192)
    with watch.on("prove"):
        assert encoder.joins
    cache, origin = DecisionCache(Path(folder) / "decisions.sqlite"), Origin("", "", "", "", "")
    first, tokens = None, 0
    for blocks in shown:
        for block in blocks:
            with watch.on("render"):
                prompts = renderer.render(block.history, block.item)
            with watch.on("leave out repeats"):
                prompts = list(dict.fromkeys(prompts))
            with watch.on("digest of new tokens"):
                keys = encoder.digests(prompts)
            with watch.on("look up and keep"):
                found = cache.find(origin, keys)
                cache.keep(origin, {key: b"8 bytes." for key in keys if key not in found})
            with watch.on("token ids"):
                encoded = encoder.encode(prompts)
            with watch.on("order"):
                in_order(encoded)
            first, tokens = first or prompts[0], tokens + sum(map(len, encoded))
    cache.close()
    assert first is not None
    return first, tokens


def _together(
    watch: StopWatch,
    shown: list[list[Exposures]],
    world: World,
    folder: str,
) -> None:
    """Everything as a run has it, with the log by itself as well."""
    log = RunLog(Path(folder) / "run")
    log.begin({})
    cache = DecisionCache(Path(folder) / "decisions.sqlite")
    encoder = Encoder(world.tokenizer, 8_192)
    assert encoder.joins
    engine = CachedEngine(SilentEngine(encoder), cache)
    agent = AgentClicks(engine, world.template, examples=world.examples)
    for number, blocks in enumerate(shown, start=1):
        with watch.on("all together"):
            answers = [agent.decide(block).require_decided() for block in blocks]
            with watch.on("log"):
                tables = [_table(*pair) for pair in zip(blocks, answers, strict=True)]
                log.write_round(number, pd.concat(tables, ignore_index=True), {})
    agent.close()


def _plain(
    shown: Exposures,
    world: World,
) -> float:
    """Seconds a prompt where each is rendered whole and tokenised as one string."""
    items, template = _items(world.catalogue), world.template
    window = template.history.window
    began = time.perf_counter()
    for row in range(_SAMPLE):
        history = [items[k] for k in shown.history[row].tolist()[-window:]]
        parts = (
            template.render_static(world.examples),
            template.render_user(history),
            template.render_candidate(items[int(shown.item[row])]),
        )
        world.tokenizer("".join(parts))["input_ids"]
    return (time.perf_counter() - began) / _SAMPLE


def _rounds(
    catalogue: Catalogue, n_users: int, n_targets: int, n_rounds: int
) -> Iterator[Iterator[Exposures]]:
    """The exposures of each round in blocks; histories drift apart, target by target."""
    generator = np.random.default_rng(0)
    n = n_users * n_targets
    user = np.repeat(np.arange(n_users), n_targets)
    target = np.tile(np.arange(n_targets), n_users)
    begun = [generator.permutation(len(catalogue.titles))[:_START] for _ in range(n_users)]
    histories = [begun[k] for k in user]
    for number in range(1, n_rounds + 1):
        item = generator.integers(0, len(catalogue.titles), n)
        yield (
            Exposures(
                user=user[start : start + _BLOCK],
                item=item[start : start + _BLOCK],
                target=target[start : start + _BLOCK],
                round=np.full(min(_BLOCK, n - start), number, dtype=np.int32),
                position=np.zeros(min(_BLOCK, n - start), dtype=np.int32),
                history=Ragged.from_rows(histories[start : start + _BLOCK]),
                draw=uniforms(0, "click", user[start : start + _BLOCK], 0, number, 0),
                catalogue=catalogue,
            )
            for start in range(0, n, _BLOCK)
        )
        clicked = generator.random(n) < _CLICKED
        histories = [
            np.append(past, new) if click else past
            for past, new, click in zip(histories, item, clicked, strict=True)
        ]


def _table(shown: Exposures, answers: Clicks) -> pd.DataFrame:
    columns = ("user", "target", "round", "position", "item", "draw")
    answered = ("probability", "clicked", "source", "failure", "reason")
    return pd.DataFrame(
        {name: getattr(shown, name) for name in columns}
        | {name: getattr(answers, name) for name in answered}
    )


def _items(catalogue: Catalogue) -> list[ShownItem]:
    pairs = zip(catalogue.titles, catalogue.categories, strict=True)
    return [ShownItem(title, tuple(categories)) for title, categories in pairs]


def _examples(catalogue: Catalogue) -> tuple[Example, ...]:
    """Decisions about random items."""
    items, generator = _items(catalogue), np.random.default_rng(1)
    drawn = generator.integers(0, len(items), (_EXAMPLES, _PAST + 1)).tolist()
    return tuple(
        Example(tuple(items[k] for k in past), items[item], bool(place % 2))
        for place, (item, *past) in enumerate(drawn)
    )


def _tokenizer(
    catalogue: Catalogue, template: Template, examples: Sequence[Example]
) -> PreTrainedTokenizerFast:
    """Byte-level BPE over the catalogue and the template."""
    tokenizer = Tokenizer(models.BPE())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(_PATTERN), "isolated"), byte_level]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY, initial_alphabet=byte_level.alphabet(), show_progress=False
    )
    texts = [template.render_static(examples), *(str(item) for item in _items(catalogue))]
    words = [f"{space}{word}" for word in template.labels.pair for space in ("", " ")]
    tokenizer.train_from_iterator(texts + words * 50, trainer=trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


if __name__ == "__main__":
    main()
