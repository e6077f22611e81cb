"""The page's addresses: its files, and what they ask."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp

from simulator.errors import NudgesimError
from simulator.lab.page.faults import Fault
from simulator.lab.page.gate import Gate
from simulator.lab.page.messages import (
    CandidateRequest,
    DrawRequest,
    EvaluationRequest,
    IncumbentRequest,
    PreviewRequest,
    SaveRequest,
    UserRequest,
)
from simulator.lab.page.rendering import FaultyDraftError
from simulator.lab.page.workbench import Workbench

FILES = Path(__file__).parent / "static"


def create_app(workbench: Workbench, port: int, token: str) -> ASGIApp:
    """The page as an ASGI application.

    A faulty draft is no failed request: it is answered with `fault`, like all that an author can
    mend.

    Args:
        workbench: Does the work; stays open.
        port: Where the page is served, on the loopback.
        token: What the page's own requests bring.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(NudgesimError, _as_fault)
    _add_drafts(app, workbench)
    _add_users(app, workbench)
    _add_evaluations(app, workbench)
    app.mount("/", StaticFiles(directory=FILES, html=True))
    return Gate(app, port, token)


# Plain functions, which the framework calls in threads: they wait for the engine.


def _add_drafts(app: FastAPI, workbench: Workbench) -> None:
    @app.get("/api/page")
    def page() -> dict[str, Any]:
        return workbench.describe()

    @app.post("/api/preview")
    def preview(asked: PreviewRequest) -> dict[str, Any]:
        cases = [(case.row, case.item) for case in asked.cases]
        return workbench.preview(asked.text, cases, asked.shown)

    @app.post("/api/save")
    def save(asked: SaveRequest) -> dict[str, Any]:
        return workbench.save(asked.text, asked.name, overwrite=asked.overwrite)


def _add_users(app: FastAPI, workbench: Workbench) -> None:
    @app.post("/api/users")
    def users(asked: DrawRequest) -> dict[str, Any]:
        return {"cases": workbench.draw(asked.users, asked.seed)}

    @app.post("/api/user")
    def user(asked: UserRequest) -> dict[str, Any]:
        return {"case": workbench.user(asked.user, asked.item)}

    @app.post("/api/candidate")
    def candidate(asked: CandidateRequest) -> dict[str, Any]:
        return {"case": workbench.candidate(asked.case.row, asked.case.item, asked.item)}

    @app.get("/api/items")
    def items(words: str = "") -> dict[str, Any]:
        return {"items": workbench.find_items(words)}


def _add_evaluations(app: FastAPI, workbench: Workbench) -> None:
    @app.get("/api/evaluations")
    def evaluations() -> dict[str, Any]:
        return workbench.evaluations()

    @app.post("/api/evaluations")
    def evaluate(asked: EvaluationRequest) -> dict[str, Any]:
        workbench.evaluate(asked.text, asked.exposures)
        return workbench.evaluations()

    @app.post("/api/evaluations/cancel")
    def cancel() -> dict[str, Any]:
        workbench.evaluator.cancel()
        return workbench.evaluations()

    @app.post("/api/incumbent")
    def incumbent(asked: IncumbentRequest) -> dict[str, Any]:
        workbench.choose_incumbent(asked.trial)
        return workbench.evaluations()


async def _as_fault(_: Request, error: Exception) -> JSONResponse:
    fault = error.fault if isinstance(error, FaultyDraftError) else Fault(str(error))
    return JSONResponse({"fault": asdict(fault)})
