"""The bodies of requests and answers, strict: an unknown field or a wrong type is refused."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MOST_SEED = 2**53 - 1
"""The largest whole number that JavaScript keeps exactly."""

_FILMS: dict[str, Any] = {"history": ["Alien", "Blade Runner"], "candidate": "Solaris"}
_MODEL = ConfigDict(
    extra="forbid", strict=True, frozen=True, allow_inf_nan=False, regex_engine="python-re"
)

Title = Annotated[
    str, Field(min_length=1, max_length=1_000, pattern=r"\S", description="What a user reads.")
]
Probability = Annotated[float, Field(ge=0, le=1)]


def _whole(value: object) -> object:
    """JSON knows one kind of number: 7.0 is the whole number 7."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Exposure(BaseModel):
    """One item shown to one user."""

    model_config = ConfigDict(**_MODEL, json_schema_extra={"examples": [_FILMS]})

    history: Annotated[
        list[Title],
        Field(max_length=1_000, description="What the user has accepted, oldest first."),
    ]
    candidate: Title


class DrawnExposure(Exposure):
    """One item shown to one user, with the user's luck."""

    model_config = ConfigDict(**_MODEL, json_schema_extra={"examples": [{**_FILMS, "draw": 0.25}]})

    draw: Annotated[
        Annotated[float, Field(ge=0, lt=1)] | None,
        Field(
            description="The user's luck: a click where draw < P(click). Drawn from the seed and "
            "the row's number where it is left out."
        ),
    ] = None


class ClicksRequest(BaseModel):
    """A batch of exposures to decide."""

    model_config = ConfigDict(
        **_MODEL, json_schema_extra={"examples": [{"exposures": [_FILMS], "seed": 7}]}
    )

    exposures: Annotated[list[DrawnExposure], Field(min_length=1)]
    seed: Annotated[
        Annotated[int, Field(ge=0, le=MOST_SEED), BeforeValidator(_whole)] | None,
        Field(
            description="Of the users' luck; the same seed and exposures get the same draws. One "
            "is drawn, and told in the answer, where it is left out: so two requests do not share "
            "their luck unawares."
        ),
    ] = None


class Decision(BaseModel):
    """Whether a user clicks, and how that was found."""

    model_config = _MODEL

    clicked: Annotated[bool | None, Field(description="null where the model did not decide.")]
    probability: Annotated[Probability | None, Field(description="null where there is none.")]
    source: Annotated[str, Field(description='Who decided; "" where nobody did.')]
    failure: Annotated[str, Field(description='Why the model did not decide, or "".')]
    reason: Annotated[str, Field(description='The model\'s own words (text mode), or "".')]


class ClicksAnswer(BaseModel):
    """The decisions, row for row."""

    model_config = ConfigDict(
        **_MODEL,
        json_schema_extra={
            "examples": [
                {
                    "decisions": [
                        {
                            "clicked": True,
                            "probability": 0.61,
                            "source": "agent",
                            "failure": "",
                            "reason": "",
                        }
                    ],
                    "seed": 7,
                }
            ]
        },
    )

    decisions: list[Decision]
    seed: Annotated[int, Field(description="With which the draws can be had again.")]


class ProbabilitiesRequest(BaseModel):
    """A batch of exposures to ask the model about."""

    model_config = ConfigDict(**_MODEL, json_schema_extra={"examples": [{"exposures": [_FILMS]}]})

    exposures: Annotated[list[Exposure], Field(min_length=1)]


class LabelAnswer(BaseModel):
    """What the model makes of the labels at the next token; nulls where it gave no answer."""

    model_config = _MODEL

    probabilities: Annotated[
        list[Probability] | None, Field(description="One a label, renormalised; they sum to 1.")
    ]
    mass: Annotated[
        Probability | None,
        Field(
            description="The labels' share of the full distribution; low mass means that the model "
            "was not answering the question, and then /v1/clicks counts a failure."
        ),
    ]
    failure: Annotated[str, Field(description='Why there is no answer, or "".')]


class ProbabilitiesAnswer(BaseModel):
    """The labels and, row for row, their probabilities."""

    model_config = ConfigDict(
        **_MODEL,
        json_schema_extra={
            "examples": [
                {
                    "labels": ["yes", "no"],
                    "answers": [{"probabilities": [0.61, 0.39], "mass": 0.99, "failure": ""}],
                }
            ]
        },
    )

    labels: Annotated[list[str], Field(description="The first one means a click.")]
    answers: list[LabelAnswer]


class State(BaseModel):
    """Whether the service is well."""

    model_config = ConfigDict(
        **_MODEL,
        json_schema_extra={
            "examples": [{"status": "ready", "agent": "agent(pocket, movies/click-en v1, sample)"}]
        },
    )

    status: str
    agent: Annotated[str, Field(description="Model, template, mode.")]


class Fault(BaseModel):
    """What is wrong."""

    model_config = _MODEL

    type: Annotated[str, Field(description="One word, for programs.")]
    message: Annotated[str, Field(description="What is wrong and what to do, for people.")]


class FaultAnswer(BaseModel):
    """The answer to a request that could not be served."""

    model_config = ConfigDict(
        **_MODEL,
        json_schema_extra={
            "examples": [
                {
                    "error": {
                        "type": "InvalidRequest",
                        "message": "body.exposures[0].candidate: Field required.",
                    }
                }
            ]
        },
    )

    error: Fault
