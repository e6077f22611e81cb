"""Settings of a run: a TOML file, with flags over it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from simulator.errors import ConfigError, UnknownNameError, excerpt
from simulator.keys import check_url
from simulator.protocol import NudgingProtocol
from simulator.reading import MalformedTextError, parse_toml, read_text

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, le=10**6)]
RecommenderName: TypeAlias = Literal[
    "itmprec",
    "ipg",
    "irn",
    "llm-ipp",
    "sasrec",
    "iclrec",
    "mstein",
    "icsrec",
    "bsarec",
    "popular",
    "random",
]


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )


class AgentConfig(_Section):
    """The click agent.

    "auto" for template, examples, personas and calibration takes what the model's folder says
    where `nudgesim agent train` wrote it (`simulator.experiment.trained`), else what stands below.

    Attributes:
        engine: "auto" takes vLLM where it imports, else transformers.
        model: A preset's name, a Hugging Face id, or a folder; "auto" is the pocket agent where
            there is no accelerator.
        urls: Base URLs of OpenAI-compatible servers (engine "openai").
        template: A template's name or file; "auto" is the data set's domain in English.
        examples: "shipped", "none", a YAML file, or "log:N": N examples drawn from the log; "auto"
            is shipped.
        personas: What prompts say of a user beside the history: "log", what the log tells, "none",
            or a file of `nudgesim agent personas` with words for each user beside it; "auto" is
            none.
        mode: See `AgentClicks`.
        minimum_mass: See `AgentClicks`.
        cache: The file in which answers are kept, so that none is asked for twice; "auto" is one in
            the user's cache folder, "none" keeps nothing.
        calibration: A file of `nudgesim prompts calibrate` by which P(click) is mapped, or "none";
            "auto" is none.
        vllm: Further options for vLLM itself (engine "vllm"), such as tensor_parallel_size.
        trust_remote_code: Run Python code that comes with the model, which can do on this machine
            whatever you can; only for models whose authors you trust.
    """

    engine: Literal["auto", "vllm", "transformers", "openai"] = "auto"
    model: str = "auto"
    urls: tuple[str, ...] = ("http://localhost:8000",)
    template: str = "auto"
    examples: str = "auto"
    personas: str = "auto"
    mode: Literal["sample", "argmax", "text"] = "sample"
    minimum_mass: Fraction = 0.5
    cache: str = "auto"
    calibration: str = "auto"
    vllm: dict[str, Any] = {}
    trust_remote_code: bool = False

    @field_validator("urls")
    @classmethod
    def _without_secrets(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_url(url) for url in urls)

    @field_validator("vllm")
    @classmethod
    def _without_token(cls, options: dict[str, Any]) -> dict[str, Any]:
        if "hf_token" in options:
            raise ConfigError(
                "Settings are written into runs; set HF_TOKEN in the environment in place of the "
                "option hf_token."
            )
        return options


class DistributionConfig(_Section):
    """The distribution click model.

    Attributes:
        preset: "fitted" to the log, or the parameters of the paper or of its released code;
            "auto" is fitted where the log has real no-clicks, else released-code.
        w: With b, in place of a preset.
        b: With w.
    """

    preset: Literal["auto", "fitted", "paper", "released-code"] = "auto"
    w: float | None = None
    b: float | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.w is None) != (self.b is None):
            raise ValueError("give both w and b, or neither")
        return self


class VectorConfig(_Section):
    """The vectors in which preferences live.

    Attributes:
        method: "graphau", or matrix factorisation ("mf") as a control.
        dimension: Of the vectors.
        uniformity: GraphAU's weight of spreading users and items over the sphere. It decides the
            whole simulator: see docs/protocols.md.
    """

    method: Literal["graphau", "mf"] = "graphau"
    dimension: Annotated[int, Field(ge=2, le=10**5)] = 64
    uniformity: Annotated[float, Field(gt=0)] = 1.0


class NudgeConfig(_Section):
    """Numbers of the nudging methods; what they mean is the protocol's.

    Attributes:
        intention_weight: lambda of ITMPRec's final score.
        intentions: Number of intention prototypes.
        kept: beta of users who do not move by TIAC.
        arousal_items: Q of TIAC.
        pooling: Of TIAC.
    """

    intention_weight: float = 1.0
    intentions: Count = 32
    kept: Fraction = 0.8
    arousal_items: Count = 10
    pooling: Literal["mean", "max", "sum"] = "mean"


class RunConfig(_Section):
    """Everything `nudgesim run` needs.

    Attributes:
        data: A data set's name, or the TOML file of plain tables.
        recommender: Who shows.
        clicks: Who decides.
        fallback: Who decides what the agent could not; "none" stops the run instead.
        max_failure_rate: Share of failed decisions past which the run stops, resumable.
        beside: Ask the distribution model about the agent's exposures, without steering.
        cascade: The distribution model decides where its P(click) lies outside this band, two
            rising numbers; the agent decides within. None: the agent decides all.
        audit: Share of the exposures outside the band that the agent decides all the same.
        rounds: Rounds to play.
        users: How many users take part, drawn by seed; None for all.
        targets: How many targets pre-match chooses, or a list of item ids.
        category: The pool of pre-match; None for the whole catalogue.
        without: Parts of ITMPRec left out, an ablation: "prematch" leaves random targets,
            "intention" its score, "arousal" a fixed weight kept.
        protocol: How the experiment is played and measured: "fair", "paper", "released-code", or a
            table of fields with `preset`; see `NudgingProtocol`.
        seed: Of everything.
    """

    data: str = "demo"
    recommender: RecommenderName = "itmprec"
    clicks: Literal["agent", "distribution"] = "agent"
    fallback: Literal["distribution", "none"] = "distribution"
    max_failure_rate: Fraction = 0.05
    beside: bool = True
    cascade: tuple[Fraction, Fraction] | None = None
    audit: Fraction = 0.02
    rounds: Count = 20
    users: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    targets: Count | tuple[str, ...] = 20
    category: str | None = None
    without: frozenset[Literal["prematch", "intention", "arousal"]] = frozenset()
    protocol: NudgingProtocol = NudgingProtocol()
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] = 0
    agent: AgentConfig = AgentConfig()
    distribution: DistributionConfig = DistributionConfig()
    vectors: VectorConfig = VectorConfig()
    nudge: NudgeConfig = NudgeConfig()

    @field_validator("cascade")
    @classmethod
    def _band(
        cls, band: tuple[float, float] | None, others: ValidationInfo
    ) -> tuple[float, float] | None:
        if band is not None and band[0] > band[1]:
            raise ValueError("give two rising numbers, such as 0.2 and 0.8")
        if band is not None and others.data.get("clicks") != "agent":
            raise ValueError("a cascade needs clicks = 'agent'")
        return band

    @classmethod
    def read(cls, path: Path | None, flags: Mapping[str, Any]) -> Self:
        """A TOML file (or the defaults) with flags over it.

        Args:
            path: The file, or None.
            flags: Values by dotted name ("agent.model"); None means not given.

        Raises:
            ConfigError: If the file cannot be read or a value is out of range.
            UnknownNameError: If a setting's name or a choice is unknown.
        """
        settings = _read_toml(path) if path else {}
        for name, value in flags.items():
            if value is None:
                continue
            section, _, key = name.rpartition(".")
            place = settings.setdefault(section, {}) if section else settings
            if isinstance(place, dict):  # else the validation says that it must be a table
                place[key] = value
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            raise _explain(cls, error, str(path) if path else "settings") from error


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return parse_toml(read_text(path))
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the settings ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: the file is not UTF-8; save it as UTF-8.") from error
    except MalformedTextError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}.") from error


def _explain(
    model: type[BaseModel], error: ValidationError, origin: str
) -> ConfigError | UnknownNameError:
    """The first fault, in the words of the file."""
    fault = error.errors()[0]
    place = [str(part) for part in fault["loc"]]
    if fault["type"] == "extra_forbidden":
        fields = model.model_fields
        for part in place[:-1]:
            section = fields[part].annotation
            fields = section.model_fields if isinstance(section, type) else {}
        return UnknownNameError(f"setting in {origin},", ".".join(place), fields)
    if fault["type"] == "literal_error":
        known = str(fault["ctx"]["expected"]).replace(" or ", ", ").replace("'", "").split(", ")
        return UnknownNameError(f"{'.'.join(place)} in {origin},", str(fault["input"]), known)
    message = fault["msg"].removeprefix("Value error, ")
    # A URL may hold a password, and options a token.
    shown = "" if {"urls", "vllm"} & set(place) else f" = {excerpt(fault['input'])}"
    return ConfigError(f"{origin}: {'.'.join(place)}{shown}: {message}.")
