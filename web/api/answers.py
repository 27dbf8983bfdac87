"""Answers besides success: problem details, and "not modified"."""

from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from recursor.web.problems import BLANK_TYPE, MEDIA_TYPE, TYPE_PREFIX, problem

# Seconds after which a client may ask again.
_RETRY_SECONDS = 1

Responses = dict[int | str, dict[str, Any]]

_KINDS: dict[int, tuple[str, str, str, str]] = {
    # status: (kind, or empty if the status says it all; title; meaning; detail of an example)
    400: ("", "Bad Request", "The body is not text", "There was an error parsing the body"),
    401: ("unauthorized", "Unauthorized", "The token was not given", "authorization: send a bearer token"),
    403: ("origin", "Wrong origin", "A page of another origin asked", "origin: pages of 'http://x' may not"),
    404: ("not-found", "Not found", "It does not exist", "no stack 4f1d2c3b5a697887: it does not exist"),
    409: ("conflict", "Not possible in this state", "Its state does not allow it", "stack is idle: start it"),
    413: ("too-large", "Too large", "The body is too long", "body: longer than 1048576 bytes: send less"),
    415: ("media-type", "Not JSON", "The body is not declared JSON", "content-type: 'text/plain'"),
    421: ("host", "Wrong host", "The request is for another host", "host: 'x.example' is not this runner's"),
    422: ("invalid-input", "Invalid input", "A value cannot be used", "todo: priority: at most 5"),
    500: ("internal", "Internal error", "Something is broken", "GET /api/stacks: see the runner's log"),
    503: ("ending", "Ending", "The runner is ending, or too busy to answer", "the runner is shutting down"),
    507: ("storage-full", "No room to write", "The disk is full", "make room on the disk"),
}  # fmt: skip


def problems(*statuses: int) -> Responses:
    """Return the `responses` of an operation that can fail with these statuses."""
    return {status: _described(status) for status in statuses}


def _described(status: int) -> dict[str, Any]:
    kind, title, meaning, detail = _KINDS[status]
    example: dict[str, Any] = {
        "type": TYPE_PREFIX + kind if kind else BLANK_TYPE,
        "title": title,
        "status": status,
        "detail": detail,
    }
    if status == 422:
        example["errors"] = [{"field": "priority", "pointer": "#/priority", "detail": "at most 5"}]
    return {
        "description": meaning,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
    }


EVERYWHERE = problems(401, 403, 421, 422, 500, 503)
ON_ONE = problems(404, 409)
CREATING = problems(400, 409, 413, 415, 507)
WRITING = problems(400, 404, 409, 413, 415, 507)


def unchanged(request: Request, etag: str) -> Response | None:
    """Return the answer for a client that already has this version (If-None-Match), else None."""
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    return Response(status_code=304, headers={"etag": etag}) if known & {etag, "*"} else None


def try_again(kind: str, title: str, detail: str) -> JSONResponse:
    """Return the answer for a client that exceeds the current capacity."""
    said = problem(kind, 503, title, detail)
    headers = {"retry-after": str(_RETRY_SECONDS)}
    return JSONResponse(said.model_dump(), said.status, headers, media_type=MEDIA_TYPE)
