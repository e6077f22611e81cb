"""How a nudging experiment is played and measured, every choice a named field.

ITMPRec's paper (Lian, Song, Ge, WWW 2025) and its authors' released code differ in a dozen places,
and most of what is published comes from the code. `paper` plays the equations as they are printed,
`released-code` what the code does, and `fair` what compares methods on equal terms: the same users,
the same targets, measured after each click and over all ranks. docs/protocols.md measures what
each field does to the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from simulator.errors import UnknownNameError


class Measurement(BaseModel):
    """How HR, IoI and IoR are read off a run.

    Attributes:
        hit_rate: HR@P over the first P "rounds"; or the whole run's click rate over the first P
            "targets", as the released code averages it.
        measured: Interest and rank "after" round P's click; or "before" it, which leaves the last
            click out.
        rank_cap: Ranks from this one on count as one less than it; None for all ranks.
        rank_of_known: Rank of a target that the user had before the first round: "counted" like
            any other, or "zero", so that it neither rises nor falls.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    hit_rate: Literal["rounds", "targets"] = "rounds"
    measured: Literal["after", "before"] = "after"
    rank_cap: Annotated[int, Field(ge=2)] | None = None
    rank_of_known: Literal["counted", "zero"] = "counted"


class NudgingProtocol(Measurement):
    """How users, recommenders and targets are set up, and how the outcome is measured.

    The defaults are the preset `fair`.

    Attributes:
        history: Runs start from users' "whole" histories; or from the "training" part, less the
            last two items.
        user_vector: What a nudging method knows of a user: the present "preference" vector that
            the simulation moves, or what a "sequence" model makes of the history.
        checkpoint: A sequence recommender's "own" training; or one "shared" training (ICLRec's)
            under every name.
        item_start: A sequence model's item vectors start at "random", or from the "simulator"'s.
        padding: Side on which short histories are filled up for a sequence model; "right", while
            the reading stays at the last place, is the released code's slip.
        prototypes: Intentions found by "kmeans", or left "untrained" at their random start.
        nearest_prototype: By "euclidean" distance or by "cosine".
        liking: "sigmoid" or "inner", see `recommender.nudge.liking`.
        nudge: "inner" or "cosine", see `recommender.nudge.Nudge`.
        arousal: Whose simulated users move by TIAC: those of "every method", or of "itmprec" alone
            while the others' keep a fixed weight.
        arousal_keeps: The weight kept: the "complement" of the pooled cosine, or the "cosine"
            itself, as the equations are printed.
        arousal_floor: Least pooled cosine in TIAC.
        weight_decimals: Places that the weight kept is rounded to; None for none.
        targets: Prematched targets for "every method", or for "itmprec" alone while the others get
            random ones.
        prematch_vectors: Prematch sums products of "unit" or of "raw" vectors.
        prematch_candidates: Random candidates of the pool that prematch looks at; None for all.
        draws: The luck of each user is drawn "by target", or "shared" by all targets.
        click_noise: The distribution model adds one uniform number for each target times this.
        arrived: Users who have the target "move" on, or their vectors stand "still".
    """

    history: Literal["whole", "training"] = "whole"
    user_vector: Literal["preference", "sequence"] = "preference"
    checkpoint: Literal["own", "shared"] = "own"
    item_start: Literal["random", "simulator"] = "random"
    padding: Literal["left", "right"] = "left"
    prototypes: Literal["kmeans", "untrained"] = "kmeans"
    nearest_prototype: Literal["euclidean", "cosine"] = "euclidean"
    liking: Literal["sigmoid", "inner"] = "sigmoid"
    nudge: Literal["inner", "cosine"] = "inner"
    arousal: Literal["every method", "itmprec"] = "every method"
    arousal_keeps: Literal["complement", "cosine"] = "complement"
    arousal_floor: Annotated[float, Field(ge=0, le=1)] = 0.2
    weight_decimals: Annotated[int, Field(ge=0)] | None = None
    targets: Literal["every method", "itmprec"] = "every method"
    prematch_vectors: Literal["unit", "raw"] = "unit"
    prematch_candidates: Annotated[int, Field(ge=1)] | None = None
    draws: Literal["by target", "shared"] = "by target"
    click_noise: Annotated[float, Field(ge=0, le=1)] = 0.0
    arrived: Literal["move", "still"] = "move"

    @classmethod
    def preset(cls, name: str, **changed: Any) -> Self:
        """One of `PRESETS` by name, with some fields changed.

        Raises:
            UnknownNameError: If there is no such preset.
            pydantic.ValidationError: If a field is unknown or its value out of range.
        """
        return cls.model_validate({"preset": name, **changed})

    def describe(self) -> str:
        """The nearest preset's name, and the fields in which it differs."""

        def changed(name: str) -> list[str]:
            preset = type(self).preset(name)
            return [f for f in type(self).model_fields if getattr(self, f) != getattr(preset, f)]

        name = min(PRESETS, key=lambda name: len(changed(name)))
        fields = ", ".join(f"{field}={getattr(self, field)!r}" for field in changed(name))
        return f"{name} ({fields})" if fields else name

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, given: Any) -> Any:
        """Settings may be a preset's name, or a table of fields with `preset`."""
        fields = {"preset": given} if isinstance(given, str) else given
        if not isinstance(fields, Mapping) or "preset" not in fields:
            return fields
        name = str(fields["preset"])
        if name not in PRESETS:
            raise UnknownNameError("protocol", name, PRESETS)
        return {**PRESETS[name], **{k: v for k, v in fields.items() if k != "preset"}}


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "fair": {},
    "paper": {
        "liking": "inner",
        "arousal": "itmprec",
        "arousal_keeps": "cosine",
        "arousal_floor": 0.0,
        "targets": "itmprec",
    },
    "released-code": {
        "history": "training",
        "user_vector": "sequence",
        "checkpoint": "shared",
        "item_start": "simulator",
        "padding": "right",
        "prototypes": "untrained",
        "nearest_prototype": "cosine",
        "nudge": "cosine",
        "arousal": "itmprec",
        "weight_decimals": 3,
        "targets": "itmprec",
        "prematch_vectors": "raw",
        "prematch_candidates": 200,
        "draws": "shared",
        "click_noise": 0.01,
        "arrived": "still",
        "hit_rate": "targets",
        "measured": "before",
        "rank_cap": 200,
        "rank_of_known": "zero",
    },
}
"""The fields in which each named protocol differs from `fair`."""
