"""The lab: data, split and engine are opened once, and stay up from one prompt to the next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from evals.bootstrap import Bootstrap
from evals.labelled import LabelledExposures
from prompts import Personas, Template, load_template
from simulator.config import AgentConfig, RunConfig
from simulator.data import load_dataset
from simulator.domain import Clicks, Dataset, Exposures, FloatArray, IntArray
from simulator.engines.labels import label_tokens
from simulator.engines.loading import RunningEngine
from simulator.engines.models import POCKET
from simulator.errors import ConfigError
from simulator.experiment.agents import choose_examples, personas_of, start_engine
from simulator.experiment.trained import settled, template_name
from simulator.experiment.world import Say
from simulator.interfaces import Prompt
from simulator.lab.asking import Advance, Asked, ask, ask_all, costs_table
from simulator.lab.book import Book
from simulator.lab.evaluation import Evaluation
from simulator.lab.judged import judge_variants
from simulator.lab.samples import Samples, Split
from simulator.lab.sittings import sitting
from simulator.lab.variants import Variant, by_name

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
        settings: Model, engine, cache, mode, template, examples and personas; without calibration.
        seed: Of samples and examples.
        book: Where evaluations are entered; None keeps no book, and then the test users are out of
            reach.
        engine: An engine that runs; started by the settings where None.
        say: Told what is taken from the model's folder.

    All but the last are attributes too.

    Raises:
        ConfigError: If the data has no log, or too few users, or the settings have a calibration.
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
        say: Say = lambda _: None,
    ) -> None:
        self.data = data
        given = settings or AgentConfig()
        if given.calibration not in ("auto", "none"):
            raise ConfigError(
                "The lab varies prompts, and a calibration belongs to one of them; leave "
                "agent.calibration out. `nudgesim prompts calibrate` shows what a calibration "
                "does, and `nudgesim compare agent:calibration=FILE` judges a calibrated agent."
            )
        uncalibrated = given.model_copy(update={"calibration": "none"})
        self.settings = settled(uncalibrated, data.catalogue.domain, say=say)
        self.seed = seed
        self.book = book
        self._samples = Samples(data, seed)
        self.engine = engine or start_engine(self.settings)
        self._personas: dict[str, Personas | None] = {}
        self._turn = threading.RLock()

    @classmethod
    def open(
        cls,
        data: str = "demo",
        *,
        seed: int = 0,
        book: Book | None = None,
        say: Say = lambda _: None,
        **settings: Any,
    ) -> Self:
        """A lab by names.

        Args:
            data: A data set's name, or a TOML file.
            seed: Of samples and examples.
            book: Where evaluations are entered.
            say: Told what is taken from the model's folder.
            settings: Fields of `AgentConfig`: model, engine, template, examples, cache, ...

        Raises:
            NudgesimError: If a name is unknown, or something cannot be opened.
        """
        flags = {f"agent.{name}": value for name, value in settings.items()}
        config = RunConfig.read(None, flags)
        return cls(load_dataset(data), config.agent, seed=seed, book=book, say=say)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the engine."""
        self.engine.close()

    def variant(
        self,
        template: Template | str | Path | None = None,
        examples: str | None = None,
        personas: str | None = None,
    ) -> Variant:
        """A template as it is, with few-shot examples, and personas where it shows them.

        Args:
            template: Loaded, or a name or file; the settings' by default.
            examples: "shipped", "none", "log:N", or a YAML file; the settings' by default.
            personas: "log", "none", or a file of words; the settings' by default.

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
        asked = self.settings.model_copy(update={"examples": shown})
        drawn = tuple(choose_examples(asked, template, self.data, self.seed))
        told = self.personas(personas or self.settings.personas)
        return Variant(template, drawn, shown, personas=told if template.mentions_persona else None)

    def personas(self, setting: str = "log") -> Personas | None:
        """Of all users, by what is known before the exposures that prompts are judged on.

        Args:
            setting: As of `AgentConfig.personas`; None comes of "none".

        Raises:
            DataError: If it is a file that cannot be read.
        """
        if setting not in self._personas:
            self._personas[setting] = personas_of(setting, self.data, self._samples.known())
        return self._personas[setting]

    def rows(self, split: Split = "development", exposures: int = 2000) -> IntArray:
        """Log rows to judge on; see `Samples.rows`."""
        return self._samples.rows(split, exposures)

    def log(self, split: Split = "development", exposures: int = 2000) -> LabelledExposures:
        """Those rows with their answers."""
        cautions = (POCKET_CAUTION,) if self._knows_the_users and split == "development" else ()
        return self._samples.log(split, exposures, cautions)

    @property
    def _knows_the_users(self) -> bool:
        """Whether the model has learnt from the very users who are judged."""
        return self.data.name == "demo" and str(self.engine.model) == POCKET

    def prompts(self, variant: Variant, shown: Exposures) -> list[Prompt]:
        """The exact prompts of exposures."""
        return variant.agent(self.engine, self.settings).prompts(shown)

    def ask(self, variant: Variant, shown: Exposures) -> Clicks:
        """A variant's answers to exposures, off the record.

        Raises:
            LabelError: If the labels collide or are several tokens of the model.
        """
        with self._turn:
            return self._ask(variant, shown).answers

    def label_shares(self, variant: Variant, shown: Exposures) -> tuple[list[str], FloatArray]:
        """The prompts exactly as the model receives them, and its two labels' probabilities.

        Returns:
            Texts, and the labels' shares of the full distribution, click first, shape (n, 2); NaN
            where the engine gives none.
        """
        with self._turn:
            prompts = self.prompts(variant, shown)
            answers = self.engine.label_probabilities(prompts, variant.template.labels.pair)
        encoder = getattr(self.engine, "encoder", None)
        texts = [encoder.display(p) if encoder is not None else p.text for p in prompts]
        return texts, np.asarray(answers.probabilities * answers.mass[:, None])

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
            number, looks = self._begin(purpose, split, log)
            asked, refused = ask_all(named, log.shown, self._ask, progress)
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
                self.book.keep(number, evaluation)
        return evaluation

    def _ask(
        self, variant: Variant, shown: Exposures, advance: Callable[[int], None] = lambda rows: None
    ) -> Asked:
        self.check_labels(variant)
        return ask(variant.agent(self.engine, self.settings), shown, advance)

    def _begin(self, purpose: str, split: Split, log: LabelledExposures) -> tuple[int, int | None]:
        """Enter the sitting in the book, before anybody is asked."""
        if self.book is None:
            return 0, None
        return self.book.begin(
            sitting(purpose, split, self.seed, log, self.data, self.engine, self.settings)
        )
