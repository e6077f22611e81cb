"""What goes wrong in a request, as the caller reads it: {"error": {"type", "message"}}."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from simulator.errors import EngineError, NudgesimError

SOON = {"Retry-After": "1"}
"""Full now; a batch later there is room."""
LATER = {"Retry-After": "10"}
"""Shutting down, or the engine fails: another instance or a while will help."""
_FAULTS_SHOWN = 3


class ServiceFault(NudgesimError):
    """A request that gets no answer.

    Args:
        status: The HTTP status.
        kind: One word for programs.
        message: What is wrong and what to do.
        headers: Further headers of the response.
    """

    def __init__(
        self, status: int, kind: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.headers = headers

    def response(self) -> JSONResponse:
        """The fault as an HTTP response."""
        body = {"error": {"type": self.kind, "message": str(self)}}
        return JSONResponse(body, status_code=self.status, headers=self.headers)


def answer_faults(app: FastAPI) -> None:
    """Let every error that a request can meet be answered in one form, without a traceback."""

    async def fault(_: Request, error: Exception) -> JSONResponse:
        return _fault_of(error).response()

    for kind in (NudgesimError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, fault)


def _fault_of(error: Exception) -> ServiceFault:
    if isinstance(error, ServiceFault):
        return error
    if isinstance(error, RequestValidationError):
        return ServiceFault(422, "InvalidRequest", _in_words(error.errors()))
    if isinstance(error, HTTPException):
        return _http_fault(error)
    kind = type(error).__name__
    if isinstance(error, EngineError):
        # The model's, not this request's: the caller may come again.
        return ServiceFault(503, kind, str(error), LATER)
    if isinstance(error, NudgesimError):
        return ServiceFault(500, kind, str(error))
    return ServiceFault(
        500,
        "InternalError",
        "The service failed, which is no fault of this request; its own error output says how.",
    )


def _http_fault(error: HTTPException) -> ServiceFault:
    """What the framework itself refuses."""
    cures = {
        400: 'The body cannot be read; send JSON in UTF-8: {"exposures": [{"history": ["Alien"], '
        '"candidate": "Solaris"}]}.',
        404: "There is nothing at this path; GET /openapi.json lists what there is.",
        405: "This path does not take this method; the Allow header says which it takes.",
    }
    kind = HTTPStatus(error.status_code).phrase.title().replace(" ", "")
    cure = cures.get(error.status_code, str(error.detail))
    return ServiceFault(error.status_code, kind, cure, error.headers)


def _in_words(faults: Sequence[Mapping[str, Any]]) -> str:
    """Where and what, the first few; never what was sent, which may be long or unprintable."""
    shown = [f"{_place(fault['loc'])}: {_what(fault)}" for fault in faults[:_FAULTS_SHOWN]]
    more = len(faults) - _FAULTS_SHOWN
    return "; ".join(shown) + (f"; and {more} more." if more > 0 else ".")


def _place(path: Sequence[str | int]) -> str:
    """`body.exposures[3].candidate`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(
        "."
    )


def _what(fault: Mapping[str, Any]) -> str:
    if fault["type"] == "json_invalid":
        return f"not valid JSON at this character ({fault['ctx']['error']})"
    if fault["type"] == "model_attributes_type":
        return "not a JSON object; send one, with the header `Content-Type: application/json`"
    if fault["type"] == "string_pattern_mismatch":
        return "a title needs a visible character"
    return str(fault["msg"])
