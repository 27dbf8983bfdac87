"""The OpenAPI document: what FastAPI finds out by itself, and what it cannot know."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from recursor import __version__
from recursor.web.problems import MEDIA_TYPE, Problem

TITLE = "Recursor"

_SUMMARY = "Runs, steers and shows teams of agents."
_DESCRIPTION = """\
Everything is JSON over HTTP, on the machine and port that the runner serves. Times are RFC 3339, in UTC.

**Errors** are problem details (RFC 9457, `application/problem+json`): `type` names the kind, `detail` says in
one line what, which value and what to do, and `errors` names each field that cannot be used. A parameter
that an operation does not know is refused, too.

**Pages.** Lists come newest first, so many at a time (`limit`). Give the `next` of a page as `cursor` to get
the one after it; the last one has none.

**Repeating.** What makes something takes an `Idempotency-Key`: a request that is repeated with the same key,
because nobody knows whether the first arrived, makes nothing new. Commands can be repeated anyway: a stack
that is paused already stays so.

**Bodies** are at most 1 MiB and are declared as JSON.

**Who may.** Programs on this machine, and its pages: requests of pages of other origins, or meant for another
host, are refused. Where a token is set, every request needs it: `Authorization: Bearer TOKEN`.
"""
_TAGS = (
    ("stacks", "Teams of agents: make, find, look at, configure and delete them."),
    ("control", "Start, pause, resume and stop stacks: one, several, or all at once."),
    ("project", "What a stack shall make."),
    ("todos", "What a stack has to do."),
    ("conversations", "Visitors' messages with their answers, and messages between stacks."),
    ("artifacts", "The versions of the page that a stack makes."),
    ("executions", "Cycles, their graphs, and what they cost."),
    ("traces", "What agents thought and did."),
    ("statistics", "Figures over time, of one stack and of all."),
    ("budgets", "What stacks may spend, and what they spent of it."),
    ("sql", "Any question to the tables of all stacks."),
    ("doctor", "What is wrong, why, and what puts it right."),
    ("live", "What happens, as it happens."),
    ("runner", "The runner itself."),
)
_METHODS = ("get", "put", "post", "patch", "delete")


def operation_id(route: APIRoute) -> str:
    """Return what an operation is called: its function's name."""
    return route.name


def describe(app: FastAPI) -> None:
    """Have `app` describe itself with what is common to all operations, and with examples."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _document(app: FastAPI) -> dict[str, Any]:
    # Few ask for the document, and then once.
    from recursor.web.api.examples import EXAMPLES

    made: dict[str, Any] = get_openapi(
        title=TITLE,
        version=__version__,
        summary=_SUMMARY,
        description=_DESCRIPTION,
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in _TAGS],
    )
    schemas = made["components"]["schemas"]
    problem = Problem.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for operation in _operations(made):
        if "requestBody" not in operation:
            for status in ("400", "413", "415"):
                operation["responses"].pop(status, None)
        for answer in operation["responses"].values():
            _as_problem(answer.get("content", {}))
        operation["responses"] = dict(sorted(operation["responses"].items()))
        example = EXAMPLES.get(operation["operationId"])
        if example is not None:
            _add_example(operation, example)
    return made


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        for method in _METHODS:
            if method in item:
                yield item[method]


def _as_problem(content: dict[str, Any]) -> None:
    """Say of which type problems are, where an operation named their model alone."""
    schema = content.get("application/json", {}).get("schema", {})
    if schema.get("$ref") == "#/components/schemas/Problem":
        content[MEDIA_TYPE] = content.pop("application/json")


def _add_example(operation: dict[str, Any], example: object) -> None:
    for status, answer in operation["responses"].items():
        content = answer.get("content", {}).get("application/json")
        if status.startswith("2") and content is not None:
            content["example"] = example
