"""The lab: data, split and engine are opened once, and stay up from one prompt to the next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from evals.bootstrap import Bootstrap
from evals.labelled import LabelledExposures
from prompts import Template, draw_examples, load_template
from simulator.config import AgentConfig, RunConfig
from simulator.data import load_dataset
from simulator.domain import Clicks, Dataset, Exposures, IntArray
from simulator.engines.labels import label_tokens
from simulator.engines.loading import RunningEngine
from simulator.errors import ConfigError, LabelError
from simulator.experiment.agents import choose_examples, start_engine, template_name
from simulator.experiment.labelled import labelled_exposures
from simulator.experiment.split import split_log, users_split
from simulator.interfaces import Prompt
from simulator.lab.asking import Asked, ask, costs_table
from simulator.lab.book import Book, Sitting
from simulator.lab.evaluation import Evaluation
from simulator.lab.judged import judge_variants
from simulator.lab.variants import Variant, by_name
from simulator.manifest import data_sha256
from simulator.seeding import generator

Split = Literal["development", "test"]

Advance = Callable[[str, int, int], None]
"""Told the variant's name, the decisions so far and those to come in all."""

GIVERS = 0.1
"""Share of the training users whose exposures serve as few-shot examples, and are never judged."""


POCKET_CAUTION = (
    "The pocket agent was trained on the development users of the demo world, through the shipped "
    "templates: figures on them flatter it, and other wordings are new to it."
)


class Lab:
    """Evaluates prompts on logged users.

    The development users are the training users of `split_log`, but for those whose exposures may
    be shown as few-shot examples; the test users are the held-out ones. One thread at a time is
    served; others wait.

    Args:
        data: With a log.
        settings: Model, engine, cache, mode and template.
        seed: Of samples and examples.
        book: Where evaluations are entered; None keeps no book, and then the test users are out of
            reach.
        engine: An engine that runs; started by the settings where None.

    All are attributes too.

    Raises:
        ConfigError: If the data has no log, or too few users.
        EngineError: If the engine cannot be started.
    """

    def __init__(
        self,
        data: Dataset,
        settings: AgentConfig | None = None,
        *,
        seed: int = 0,
        book: Book | None = None,
        engine: RunningEngine | None = None,
    ) -> None:
        self.data = data
        self.settings = settings or AgentConfig()
        self.seed = seed
        self.book = book
        self._split = split_log(data)
        training, _ = users_split(data)
        chosen = generator(0, "example givers").permutation(training)
        self._givers: IntArray = np.sort(chosen[: max(1, round(GIVERS * len(training)))])
        self.engine = engine or start_engine(self.settings)
        self._turn = threading.RLock()

    @classmethod
    def open(
        cls, data: str = "demo", *, seed: int = 0, book: Book | None = None, **settings: Any
    ) -> Self:
        """A lab by names.

        Args:
            data: A data set's name, or a TOML file.
            seed: Of samples and examples.
            book: Where evaluations are entered.
            settings: Fields of `AgentConfig`: model, engine, template, examples, cache, ...

        Raises:
            NudgesimError: If a name is unknown, or something cannot be opened.
        """
        flags = {f"agent.{name}": value for name, value in settings.items()}
        config = RunConfig.read(None, flags)
        return cls(load_dataset(data), config.agent, seed=seed, book=book)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the engine."""
        self.engine.close()

    def variant(
        self, template: Template | str | Path | None = None, examples: str | None = None
    ) -> Variant:
        """A template as it is, with few-shot examples.

        Args:
            template: Loaded, or a name or file; the settings' by default.
            examples: "shipped", "none", "log:N", or a YAML file; the settings' by default.

        Raises:
            PromptError: If the template or the examples are faulty.
            UnknownNameError: If there is no such template.
            DataError: If the log has too few examples.
        """
        if template is None:
            template = template_name(self.settings, self.data.catalogue.domain)
        if not isinstance(template, Template):
            template = load_template(template)
        shown = examples or self.settings.examples
        kind, _, number = shown.partition(":")
        if kind == "log" and number.isdigit():
            drawn = draw_examples(self.data, users=self._givers, n=int(number), seed=self.seed)
        else:
            asked = self.settings.model_copy(update={"examples": shown})
            drawn = tuple(choose_examples(asked, template, self.data, self.seed))
        return Variant(template, drawn, shown)

    def rows(self, split: Split = "development", exposures: int = 2000) -> IntArray:
        """Log rows to judge on, ascending: a sample that holds every smaller one.

        Raises:
            ConfigError: If the split is empty, or there is no such split.
        """
        if split not in ("development", "test"):
            raise ConfigError(f"split = {split!r}; choose development or test.")
        rows = self._split.judging if split == "test" else self._split.fitting
        assert self.data.log is not None  # split_log has refused data without
        rows = rows[~np.isin(self.data.log.user[rows], self._givers)]
        if not len(rows) or exposures < 1:
            raise ConfigError(
                f"The {split} split of {self.data.name} has {len(rows):,} exposures, and "
                f"{exposures:,} were asked for: there is nothing to judge a prompt on. Take data "
                "with more users, or ask for more exposures."
            )
        return np.sort(generator(self.seed, f"lab {split}").permutation(rows)[:exposures])

    def log(self, split: Split = "development", exposures: int = 2000) -> LabelledExposures:
        """Those rows with their answers."""
        rows = self.rows(split, exposures)
        return labelled_exposures(
            self.data, rows, self._split.early, cautions=self._cautions(split)
        )

    def _cautions(self, split: Split) -> tuple[str, ...]:
        if split == "test":
            return self._split.cautions
        if self.data.name == "demo" and Path(str(self.engine.model)).name == "pocket":
            return (POCKET_CAUTION,)
        return ()

    def prompts(self, variant: Variant, shown: Exposures) -> list[Prompt]:
        """The exact prompts of exposures."""
        return variant.agent(self.engine, self.settings).prompts(shown)

    def ask(self, variant: Variant, shown: Exposures) -> Clicks:
        """A variant's answers to exposures, off the record.

        Raises:
            LabelError: If the labels collide or are several tokens of the model.
        """
        with self._turn:
            self.check_labels(variant)
            return ask(variant.agent(self.engine, self.settings), shown).answers

    def check_labels(self, variant: Variant) -> None:
        """Refuse labels that the model cannot answer with.

        Raises:
            LabelError: If they collide or are several tokens.
        """
        encoder = getattr(self.engine, "encoder", None)
        if encoder is not None and self.settings.mode != "text":
            label_tokens(encoder.tokenize, variant.template.labels.pair)

    def evaluate(
        self,
        variants: Sequence[Variant],
        *,
        incumbent: Variant | None = None,
        exposures: int = 2000,
        split: Split = "development",
        purpose: str = "eval",
        bootstrap: Bootstrap | None = None,
        progress: Advance | None = None,
    ) -> Evaluation:
        """Ask variants about the same logged exposures, and hold them against what users did.

        Args:
            variants: At least one.
            incumbent: What differences are taken to; the first variant by default.
            exposures: How many; the sample for a number holds those for all smaller numbers.
            split: "test" only for what has been settled on: every look is counted.
            purpose: What the book calls it.
            bootstrap: Of users; 1000 replicates and 95% by default.
            progress: Told as answers come in; what it raises stops the evaluation, and what was
                answered stays in the decision cache.

        Raises:
            ConfigError: If there is no variant, or nothing to judge on, or the test users are asked
                for without a book.
            DataError: If the book cannot be written.
            LabelError: If the incumbent, or the only variant, has labels that collide or are
                several tokens.
        """
        first = incumbent or next(iter(variants), None)
        if first is None:
            raise ConfigError("No prompt to evaluate; name at least one template.")
        if split == "test" and self.book is None:
            raise ConfigError(
                "The test users are looked at only where somebody counts how often; give the lab a "
                "book."
            )
        named = by_name([first, *(v for v in variants if v is not first)])
        with self._turn:
            log = self.log(split, exposures)
            self.check_labels(first)
            sitting, looks = self._begin(purpose, split, log)
            asked, refused = self._ask_all(named, log, progress)
            answers = {name: one.answers for name, one in asked.items()}
            judged = judge_variants(answers, log, next(iter(named)), bootstrap)
            evaluation = Evaluation(
                data=self.data.name,
                model=str(self.engine.model),
                split=split,
                seed=self.seed,
                variants=named,
                incumbent=next(iter(named)),
                log=log,
                answers=answers,
                measures=judged.measures,
                differences=judged.differences,
                costs=costs_table(asked),
                refused={**refused, **judged.unjudged},
                cautions=judged.cautions,
                looks=looks,
            )
            if self.book is not None:
                self.book.keep(sitting, evaluation)
        return evaluation

    def _ask_all(
        self, named: Mapping[str, Variant], log: LabelledExposures, progress: Advance | None
    ) -> tuple[dict[str, Asked], dict[str, str]]:
        """Each variant's answers, and why a variant cannot be asked."""
        asked: dict[str, Asked] = {}
        refused: dict[str, str] = {}
        for number, (name, variant) in enumerate(named.items()):

            def advance(rows: int, name: str = name, number: int = number) -> None:
                if progress is not None:
                    progress(name, number * len(log) + rows, len(named) * len(log))

            try:
                self.check_labels(variant)
                asked[name] = ask(variant.agent(self.engine, self.settings), log.shown, advance)
            except LabelError as error:
                refused[name] = str(error)
                advance(len(log))
        return asked, refused

    def _begin(self, purpose: str, split: Split, log: LabelledExposures) -> tuple[int, int | None]:
        """Enter the sitting in the book, before anybody is asked."""
        if self.book is None:
            return 0, None
        return self.book.begin(
            Sitting(
                purpose=purpose,
                data=self.data.name,
                data_sha256=self._data_sha256,
                split=split,
                seed=self.seed,
                exposures=len(log),
                users=log.n_users,
                click_rate=float(log.clicked.mean()),
                engine=str(self.engine.name),
                model=str(self.engine.model),
                revision=str(self.engine.revision or ""),
                precision=str(self.engine.precision),
                mode=self.settings.mode,
                minimum_mass=self.settings.minimum_mass,
                nudgesim=version("nudgesim"),
            )
        )

    @cached_property
    def _data_sha256(self) -> str:
        return data_sha256(self.data)
