"""Errors in responses: always problem details, which name the fields."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from pykka import ActorDeadError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from recursor.domain.errors import RecursorError
from recursor.web.problems import BLANK_TYPE, MEDIA_TYPE, FieldProblem, Problem, pointer, problem, problem_of

_NAMES = {"todo_id": "todo", "execution_id": "execution", "message_id": "message", "version": "artifact"}


def handle_failures(app: FastAPI) -> None:
    """Answer every error of `app` with problem details."""
    app.add_exception_handler(RecursorError, _failed)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(ActorDeadError, _ending)
    app.add_exception_handler(TimeoutError, _too_slow)
    app.add_exception_handler(Exception, _broken)


async def _failed(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RecursorError)
    return _answer(problem_of(error))


async def _not_understood(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [{**each, "loc": _place(each["loc"], error.body)} for each in error.errors()]
    first = errors[0]
    if first["loc"][0] == "path":
        # A path with an impossible id leads nowhere.
        return _answer(problem("not-found", 404, "Not found", _one_line(_nothing_named(request, first))))
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if first["loc"] == ("body",) and not (media_type == "application/json" or media_type.endswith("+json")):
        what = f"content-type: {media_type[:60]!r}: send JSON, as application/json"
        return _answer(problem("media-type", 415, "Not JSON", what))
    if first["type"] == "json_invalid":
        what = f"body: is not JSON: {first['ctx']['error']} (at character {first['loc'][-1]})"
        whole = FieldProblem(field="body", pointer=pointer(()), detail=what.partition(": ")[2])
        return _answer(problem("invalid-input", 422, "Invalid input", _one_line(what), (whole,)))
    detail = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    if len(errors) > 1:
        detail += f" (and {len(errors) - 1} more)"
    fields = tuple(_field_problem(each["loc"], each["msg"]) for each in errors)
    return _answer(problem("invalid-input", 422, "Invalid input", _one_line(detail), fields))


def _nothing_named(request: Request, error: Mapping[str, Any]) -> str:
    name, value = str(error["loc"][1]), str(error["input"])[:60]
    return (
        f"no {_NAMES.get(name, name)} {value} in stack {request.path_params.get('stack_id', '')[:60]}: "
        "list the existing ones"
    )


def _place(place: tuple[str | int, ...], body: object) -> tuple[str | int, ...]:
    """Return the location of an error in a body, without the names of a union's alternatives."""
    if place[0] != "body":
        return place
    found: list[str | int] = []
    value = body
    for part in place[1:]:
        if isinstance(value, Mapping):
            # A missing field still has a location.
            found.append(part)
            value = value.get(part)
        elif isinstance(part, int):
            found.append(part)
            value = value[part] if isinstance(value, list) and part < len(value) else None
    return ("body", *found)


def _field_problem(place: tuple[str | int, ...], message: str) -> FieldProblem:
    source, path = place[0], place[1:]
    return FieldProblem(
        field=".".join(map(str, path)) or str(source),
        pointer=pointer(path) if source == "body" else None,
        detail=message,
    )


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    detail, headers = error.detail, dict(error.headers or {})
    if status is HTTPStatus.NOT_FOUND and detail == status.phrase:
        detail = f"{request.url.path[:100]}: does not exist: see /api/openapi.json"
    elif status is HTTPStatus.METHOD_NOT_ALLOWED:
        # The framework lists the methods of one route, but a path may have several.
        allowed = ", ".join(sorted(_methods(request)))
        detail, headers["allow"] = f"{request.method[:20]}: is not allowed here, only {allowed}", allowed
    answer = _answer(Problem(type=BLANK_TYPE, title=status.phrase, status=status, detail=_one_line(detail)))
    answer.headers.update(headers)
    return answer


def _methods(request: Request) -> set[str]:
    return {
        method
        for context in iter_route_contexts(request.app.routes)
        if context.route.matches(request.scope)[0] is not Match.NONE
        for method in context.methods or ()
    }


async def _ending(_request: Request, _error: Exception) -> JSONResponse:
    return _answer(problem("ending", 503, "Ending", "the runner is shutting down: start it again"))


async def _too_slow(_request: Request, _error: Exception) -> JSONResponse:
    return _answer(
        problem("too-slow", 503, "No answer", "the orchestrator did not answer in time: try again")
    )


async def _broken(request: Request, error: Exception) -> JSONResponse:
    what = f"{request.method} {request.url.path}: {type(error).__name__}: see the runner's log"
    return _answer(problem("internal", 500, "Internal error", what))


def _answer(what: Problem) -> JSONResponse:
    return JSONResponse(what.model_dump(), what.status, media_type=MEDIA_TYPE)


def _one_line(text: str) -> str:
    return " ".join(text.split())
