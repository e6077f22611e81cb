"""How the service describes itself at /openapi.json."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from simulator.service.messages import FaultAnswer

_DESCRIPTION = """Language-model users for recommenders in any language: send what users have \
accepted and what they are shown, get what they click. Requests of many callers are merged into \
full batches. A decision that the model failed to make is marked as failed; it is never a click, \
nor silently none."""

_REFUSALS = {
    400: "The body cannot be read.",
    401: "No token, or a wrong one.",
    408: "The body arrives too slowly.",
    413: "Too long a body, or too many exposures.",
    422: "The body is not as described.",
    409: "This service generates text and knows no probabilities.",
    500: "The service failed.",
    503: "Full, shutting down, or the engine fails; come again after Retry-After seconds.",
    504: "No answer in time.",
}

ASKING: dict[int | str, dict[str, Any]] = {
    status: {"model": FaultAnswer, "description": text} for status, text in _REFUSALS.items()
}
"""What can come back from an endpoint that asks the model, other than an answer."""

TELLING: dict[int | str, dict[str, Any]] = {status: ASKING[status] for status in (401, 503)}
"""The same for endpoints that only tell."""


def describe_interface(app: FastAPI, *, token_needed: bool) -> None:
    """Let the application describe itself, with how callers are told apart."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = get_openapi(
                title="nudgesim",
                version=version("nudgesim"),
                description=_DESCRIPTION,
                routes=app.routes,
            )
            if token_needed:
                _ask_for_token(app.openapi_schema)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _ask_for_token(schema: dict[str, Any]) -> None:
    schema["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, methods in schema["paths"].items():
        if path.startswith("/v1") or path == "/metrics":
            for method in methods.values():
                method["security"] = [{"token": []}]
