"""The endpoints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from fastapi import Body, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp

from simulator.domain import Clicks, FloatArray
from simulator.interfaces import LabelProbabilities
from simulator.seeding import uniforms
from simulator.service.desk import Desk
from simulator.service.faults import ServiceFault, answer_faults
from simulator.service.gate import Gate
from simulator.service.messages import (
    MOST_SEED,
    ClicksAnswer,
    ClicksRequest,
    Decision,
    DrawnExposure,
    Exposure,
    LabelAnswer,
    ProbabilitiesAnswer,
    ProbabilitiesRequest,
    State,
)
from simulator.service.openapi import ASKING, TELLING, describe_interface
from simulator.service.waiting import Kind, Question


def create_app(desk: Desk, token: str | None = None) -> ASGIApp:
    """The service as an ASGI application; the desk must be open while it serves.

    Args:
        desk: Answers the questions.
        token: What callers must bring as `Authorization: Bearer`; None asks for none.
    """
    app = FastAPI(docs_url=None, redoc_url=None, redirect_slashes=False)
    answer_faults(app)
    _add_questions(app, desk)
    _add_probes(app, desk)
    describe_interface(app, token_needed=token is not None)
    return Gate(app, desk, token)


def _add_questions(app: FastAPI, desk: Desk) -> None:
    # For callers who do not care which luck they get; anew with every start.
    seeds = np.random.default_rng()

    @app.post("/v1/clicks", responses=ASKING)
    async def clicks(asked: Annotated[ClicksRequest, Body()], request: Request) -> ClicksAnswer:
        """Decide whether users click; a decision that failed has `clicked` null and a `failure`."""
        seed = int(seeds.integers(MOST_SEED + 1)) if asked.seed is None else asked.seed
        draw = _draws(asked.exposures, seed)
        answer = await desk.answer(
            _question("clicks", asked.exposures, draw, desk), request.receive
        )
        assert isinstance(answer, Clicks)
        return ClicksAnswer(decisions=_decisions(answer), seed=seed)

    @app.post("/v1/probabilities", responses=ASKING)
    async def probabilities(
        asked: Annotated[ProbabilitiesRequest, Body()], request: Request
    ) -> ProbabilitiesAnswer:
        """Tell the answer labels' probabilities, and how much of the distribution they are."""
        if desk.agent.mode == "text":
            raise ServiceFault(
                409,
                "TextMode",
                "This service generates answers and knows no probabilities; start it with --mode "
                "sample or argmax.",
            )
        question = _question("probabilities", asked.exposures, np.zeros(len(asked.exposures)), desk)
        answer = await desk.answer(question, request.receive)
        assert isinstance(answer, LabelProbabilities)
        return ProbabilitiesAnswer(
            labels=list(desk.agent.template.labels.pair), answers=_label_answers(answer)
        )


def _add_probes(app: FastAPI, desk: Desk) -> None:
    @app.get("/healthz")
    async def healthz() -> State:
        """Tell that the process is alive."""
        return State(status="alive", agent=desk.agent.describe())

    @app.get("/readyz", responses={503: {"model": State, "description": "Not now."}})
    async def readyz(response: Response) -> State:
        """Tell whether requests are welcome: the engine is up, and the service is not closing."""
        if not desk.ready:
            response.status_code = 503
        status = "ready" if desk.ready else "closing" if desk.closing else "engine failing"
        return State(status=status, agent=desk.agent.describe())

    @app.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **TELLING},
    )
    async def metrics() -> Response:
        """Tell what Prometheus asks for."""
        return Response(desk.meters.exposition(), media_type=CONTENT_TYPE_LATEST)


def _question(kind: Kind, exposures: Sequence[Exposure], draw: FloatArray, desk: Desk) -> Question:
    most = desk.limits.request_rows
    if len(exposures) > most:
        raise ServiceFault(
            413,
            "TooManyRows",
            f"{len(exposures):,} exposures, and {most:,} is the most in one request; send several.",
        )
    histories = [exposure.history for exposure in exposures]
    return Question(kind, histories, [exposure.candidate for exposure in exposures], draw)


def _draws(exposures: Sequence[DrawnExposure], seed: int) -> FloatArray:
    """The given draws, and where there is none the one that `AgentClicks.click` would make."""
    drawn = uniforms(seed, "click", np.arange(len(exposures)), -1, 1)
    given = np.array([np.nan if e.draw is None else e.draw for e in exposures])
    return np.where(np.isnan(given), drawn, given)


def _decisions(clicks: Clicks) -> list[Decision]:
    columns = (clicks.clicked, clicks.probability, clicks.source, clicks.failure, clicks.reason)
    return [
        Decision(
            clicked=clicked if source else None,
            probability=_number(probability),
            source=source,
            failure=failure,
            reason=reason,
        )
        for clicked, probability, source, failure, reason in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def _label_answers(answers: LabelProbabilities) -> list[LabelAnswer]:
    rows: Any = zip(
        answers.probabilities.tolist(), answers.mass.tolist(), answers.failure.tolist(), strict=True
    )
    return [
        LabelAnswer(
            probabilities=None if failure else probabilities, mass=_number(mass), failure=failure
        )
        for probabilities, mass, failure in rows
    ]


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else value
