"""How an agent is trained: every number that decides the checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from simulator.errors import ConfigError, UnknownNameError

SCRATCH = "scratch"
"""The base of a network with fresh weights and a tokenizer of its own."""
Loss: TypeAlias = Literal["bce", "supervised", "dpo"]
HEAD_WIDTH = 32
"""Width of an attention head: the smallest that vLLM's CPU attention takes."""


def _positive(settings: object, *names: str) -> None:
    for name in names:
        if not getattr(settings, name) > 0:
            raise ConfigError(f"{name} = {getattr(settings, name)} must be positive.")


def _shares(settings: object, *names: str) -> None:
    for name in names:
        if not 0 <= getattr(settings, name) <= 1:
            raise ConfigError(f"{name} = {getattr(settings, name)} must lie in [0, 1].")


@dataclass(frozen=True)
class NetworkSettings:
    """A network from scratch, Llama architecture.

    Attributes:
        vocabulary: Tokens, before whole titles.
        whole_titles: Whether each quoted title of the catalogue is one token more. Prompts get two
            to three times as short and items are known apart from the first step on, but what the
            network learns of one title says nothing about another's words.
        hidden: Width; a multiple of 32, the width of a head.
        layers: Transformer blocks.
        feed_forward: Width of the gated feed-forward layers.
        window: Tokens that fit, prompt and answer.
    """

    vocabulary: int = 2048
    whole_titles: bool = True
    hidden: int = 64
    layers: int = 2
    feed_forward: int = 128
    window: int = 1024

    def __post_init__(self) -> None:
        _positive(self, "vocabulary", "layers", "feed_forward", "window")
        if self.hidden < HEAD_WIDTH or self.hidden % HEAD_WIDTH:
            raise ConfigError(f"hidden = {self.hidden} must be a multiple of {HEAD_WIDTH}.")


@dataclass(frozen=True)
class LoraSettings:
    """Low-rank adapters (Hu et al., "LoRA", ICLR 2022) on every linear layer but the last.

    Attributes:
        rank: Of the two matrices beside each layer's.
        alpha: Their product is scaled by alpha / rank.
    """

    rank: int = 16
    alpha: int = 32

    def __post_init__(self) -> None:
        _positive(self, "rank", "alpha")


@dataclass(frozen=True)
class Variety:
    """What is varied from lesson to lesson, so that an agent is at home in more than one prompt.

    Attributes:
        shuffled: Share of the lessons in which a random part of a user's log plays the past, and
            another what is asked about. A user has few moments, and many such parts. None where
            no-clicks are drawn.
        examples: Share of the batches whose static part shows few-shot examples: the shipped ones
            in every other such batch, else some out of the training users' log.
        short_history: Share of the histories cut to a random stretch of the window.
        strange_titles: Share of the lessons whose items carry other items' titles, so that an
            unknown title with known categories gets a sensible answer.
        unknown_titles: Share of the lessons whose items carry titles that no item has, made of
            other titles' words; where each known title is a token, only so does a network learn
            what to make of one that is none.
        no_categories: Share of the lessons whose items are shown without categories.
    """

    shuffled: float = 0.0
    examples: float = 0.0
    short_history: float = 0.0
    strange_titles: float = 0.0
    unknown_titles: float = 0.0
    no_categories: float = 0.0

    def __post_init__(self) -> None:
        _shares(self, *vars(self))


@dataclass(frozen=True)
class TeacherSettings:
    """A matrix factorisation of the training users' log that teaches too (`training.teacher`).

    Attributes:
        weight: Of its opinion in what is learnt of a logged exposure; the rest is what the user
            did, which is true but noisy.
        guesses: Items that the user was never shown, for each logged exposure, of which its
            opinion is all there is to learn.
    """

    weight: float = 0.5
    guesses: float = 2.0

    def __post_init__(self) -> None:
        _shares(self, "weight")
        if self.guesses < 0:
            raise ConfigError(f"guesses = {self.guesses} must not be negative.")


@dataclass(frozen=True)
class NegativeSettings:
    """No-clicks for a log that has none (`simulator.training.negatives`).

    Attributes:
        per_click: Items drawn for each click.
        alpha: They are drawn by popularity to this power; 0 draws evenly.
        click_rate: Of the shelf that probabilities are calibrated to: all items that a user never
            took, shown as often as makes this share of what is shown a click.
    """

    per_click: int = 4
    alpha: float = 0.75
    click_rate: float = 0.2

    def __post_init__(self) -> None:
        _positive(self, "per_click")
        _shares(self, "alpha", "click_rate")
        if self.click_rate in (0, 1):
            raise ConfigError("click_rate must lie between 0 and 1, both excluded.")


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of `train_agent`.

    Attributes:
        base: "scratch", or the causal language model to go on from: a preset's name, a folder, or a
            Hugging Face id.
        lora: Adapters to train in place of all weights; they are merged into the model at the end.
        loss: "bce" is the binary cross-entropy of P(click), the quantity that the agent reads;
            "supervised" the likelihood of the answer as text; "dpo" prefers the true answer to the
            other one. The latter two are trl's: a prompt a row, to the last epoch, without
            checkpoints.
        epochs: Passes over the training users' log.
        seed: Of the weights, the order, the negatives and whatever is varied.
        templates: Names or files of the templates to learn, the main one first; "auto" is the
            domain's in English.
        window: The history window and drop of the templates, in place of their own. The larger the
            drop, the more prompts share a beginning, and the faster both training and asking are.
        bare_history: Whether past items are shown by their titles alone, which makes prompts
            shorter by half and more; where titles are tokens, little is lost by it.
        personas: Whether prompts describe the user (`prompts.Personas`), by what was known before
            the moment.
        teacher: Who teaches beside the log, by the loss "bce"; None, or where no-clicks are
            drawn, nobody.
        main_share: Share of the batches in the main template; the others divide the rest evenly.
        slates: None gives each exposure exactly the history of its moment. A number lets so many
            consecutive slates share the history of the first, which is cheaper and not quite what
            is asked at inference.
        bare_steps: First steps, that tell a user's favourites from random items
            (`simulator.training.lessons.favourite_lessons`) without any static part.
        favourite_steps: Next steps, the same with the static part and its examples.
        variety: What is varied.
        negatives: For logs without no-clicks.
        batch_decisions: Decisions a step.
        batch_tokens: Tokens that go through the network at a time, padding included; bounds
            memory and changes nothing else but the last bits.
        learning_rate: Peak of the one-cycle schedule (linear warm-up, cosine to a twentieth); None
            is 1e-3 from scratch, 2e-4 for adapters, 2e-5 for all weights of a base model.
        warm_up: Share of the steps that warm up.
        weight_decay: AdamW's, on matrices.
        averaging: Share of the running average of the weights that a step keeps; looks are made
            at that average, and it is what is saved (Polyak and Juditsky, 1992). 0 averages
            nothing.
        language_weight: Weight of the answer as text (its word, and the end after it) beside the
            click loss; keeps the probability on the labels.
        stop_share: Share of the training users who are kept out of training: their log-loss decides
            which weights are kept and when to stop, and calibrates them. 0 trains to the end.
        validate_every: Epochs between two looks at them.
        patience: Looks without a better log-loss before training stops.
        checkpoint_steps: Steps between two checkpoints.
        network: A network from scratch.
        threads: CPU threads; 0 leaves torch's own choice.

    Raises:
        ConfigError: If a setting is out of range.
    """

    base: str = SCRATCH
    lora: LoraSettings | None = None
    loss: Loss = "bce"
    epochs: float = 8.0
    seed: int = 0
    templates: tuple[str, ...] = ("auto",)
    window: tuple[int, int] | None = None
    bare_history: bool = False
    personas: bool = False
    teacher: TeacherSettings | None = None
    main_share: float = 1.0
    slates: int | None = None
    bare_steps: int = 0
    favourite_steps: int = 0
    variety: Variety = Variety()
    negatives: NegativeSettings = NegativeSettings()
    batch_decisions: int = 64
    batch_tokens: int = 8_192
    learning_rate: float | None = None
    warm_up: float = 0.05
    weight_decay: float = 0.05
    averaging: float = 0.0
    language_weight: float = 0.1
    stop_share: float = 0.1
    validate_every: float = 1.0
    patience: int = 2
    checkpoint_steps: int = 500
    network: NetworkSettings = NetworkSettings()
    threads: int = 0

    def __post_init__(self) -> None:
        _positive(self, "epochs", "batch_decisions", "batch_tokens", "validate_every", "patience")
        _positive(self, "checkpoint_steps")
        for name in ("slates", "learning_rate"):
            if getattr(self, name) is not None:
                _positive(self, name)
        _shares(self, "main_share", "warm_up", "stop_share", "averaging")
        if self.loss not in get_args(Loss):
            raise UnknownNameError("loss", self.loss, get_args(Loss))
        if not self.templates:
            raise ConfigError("templates is empty; name at least one, such as movies/click-en.")
        if self.lora is not None and self.base == SCRATCH:
            raise ConfigError("Adapters (--lora) need a model to adapt; name one with --base.")
        if self.stop_share >= 1:
            raise ConfigError("stop_share = 1 leaves nobody to learn from; 0.1 is customary.")
        if self.averaging == 1:
            raise ConfigError("averaging = 1 would never leave the first weights; take 0.998.")

    @property
    def peak_rate(self) -> float:
        """The learning rate, or the customary one for what is trained."""
        if self.learning_rate is not None:
            return self.learning_rate
        if self.base == SCRATCH:
            return 1e-3
        return 2e-5 if self.lora is None else 2e-4


def recipe(base: str = SCRATCH) -> TrainingSettings:
    """What `nudgesim agent train` does unless told otherwise; docs/training.md measures it.

    A base knows titles and reads the template as it stands; a network from scratch is shown long
    histories in few tokens.

    Args:
        base: As of `TrainingSettings`.
    """
    common = TrainingSettings(
        base=base,
        personas=True,
        teacher=TeacherSettings(guesses=1.0),
        variety=Variety(shuffled=0.5),
    )
    if base != SCRATCH:
        return replace(common, epochs=2.0)
    return replace(
        common,
        epochs=8.0,
        window=(100, 50),
        bare_history=True,
        batch_decisions=384,
        batch_tokens=32_768,
        learning_rate=3e-3,
        averaging=0.998,
        patience=3,
        network=NetworkSettings(window=4_096),
    )
