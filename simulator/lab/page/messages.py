"""What the page sends, and what it is told."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MOST_TEXT = 100_000
"""Characters of a template; thirty times what the shipped ones have."""
MOST_CASES = 24

Text = Annotated[str, Field(max_length=MOST_TEXT)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CaseNumbers(_Message):
    """A user at a moment and a candidate, by rows of the pool and of the catalogue."""

    row: int
    item: int


class PreviewRequest(_Message):
    """A draft, the users for whom it is rendered, and which of them is shown."""

    text: Text
    cases: Annotated[list[CaseNumbers], Field(min_length=1, max_length=MOST_CASES)]
    shown: Annotated[int, Field(ge=0)] = 0


class DrawRequest(_Message):
    """Other users, the same for the same seed."""

    seed: Annotated[int, Field(ge=0, lt=2**31)]
    users: Annotated[int, Field(ge=1, le=MOST_CASES)] = 6


class UserRequest(_Message):
    """One user by id, and another candidate if one is named."""

    user: Annotated[str, Field(max_length=500)]
    item: Annotated[str, Field(max_length=500)] = ""


class CandidateRequest(_Message):
    """Another candidate for a user on the page."""

    case: CaseNumbers
    item: Annotated[str, Field(max_length=500)]


class SaveRequest(_Message):
    """The text to be saved; a name where it is not to go into the opened file."""

    text: Text
    name: Annotated[str, Field(max_length=500)] = ""
    overwrite: bool = False


class EvaluationRequest(_Message):
    """The draft to be evaluated."""

    text: Text
    exposures: Annotated[int, Field(ge=50, le=1_000_000)] = 2000


class IncumbentRequest(_Message):
    """Which trial's template differences are taken to from now on; 0 for the opened one."""

    trial: Annotated[int, Field(ge=0)]
