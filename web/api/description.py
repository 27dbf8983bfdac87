"""The OpenAPI document: FastAPI's own findings, completed."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from recursor import __version__
from recursor.web.problems import MEDIA_TYPE, Problem

TITLE = "Recursor"

_SUMMARY = "Runs, controls and shows teams of agents."
_DESCRIPTION = """\
Everything is JSON over HTTP, on the machine and port that the runner serves. Times are RFC 3339, in UTC.

**Errors** are problem details (RFC 9457, `application/problem+json`): `type` names the kind, `detail` gives
on one line the thing, the value and the remedy, and `errors` lists each invalid field. Unknown parameters
are refused, too.

**Pages.** Lists come newest first, `limit` entries at a time. Pass the `next` of a page as `cursor` to get
the following page; the last page has none.

**Repeating.** Requests that create something accept an `Idempotency-Key`: repeating one with the same key,
because its answer was lost, creates nothing new. Commands can be repeated anyway: a paused stack stays
paused.

**Bodies** are at most 1 MiB and are declared as JSON.

**Access.** Programs on this machine and the runner's own pages have access: requests from pages of other
origins, or for another host, are refused. If a token is set, every request needs it:
`Authorization: Bearer TOKEN`.
"""
_TAGS = (
    ("stacks", "Teams of agents: create, find, show, configure and delete them."),
    ("control", "Start, pause, resume and stop stacks: one, several, or all at once."),
    ("project", "A stack's project."),
    ("todos", "A stack's todos."),
    ("approvals", "What agents ask people for, and the answers."),
    ("workspace", "The git repository of a stack: files, commits, checks, the merge queue."),
    ("conversations", "Visitors' messages with their answers, and messages between stacks."),
    ("artifacts", "The versions of a stack's page."),
    ("executions", "Cycles, their graphs and costs."),
    ("traces", "Agents' thoughts and actions."),
    ("statistics", "Figures over time, of one stack and of all."),
    ("budgets", "Budgets of stacks, and what was spent of them."),
    ("sql", "SQL queries over the tables of all stacks."),
    ("doctor", "Problems, causes and remedies."),
    ("live", "Events as they happen."),
    ("runner", "The runner itself."),
)
_METHODS = ("get", "put", "post", "patch", "delete")


def operation_id(route: APIRoute) -> str:
    """Return an operation's id: its function's name."""
    return route.name


def describe(app: FastAPI) -> None:
    """Complete `app`'s description with the common parts of all operations, and with examples."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _document(app: FastAPI) -> dict[str, Any]:
    # Few clients ask for the document, and each only once.
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
    """Set the media type of problems if an operation named only their model."""
    schema = content.get("application/json", {}).get("schema", {})
    if schema.get("$ref") == "#/components/schemas/Problem":
        content[MEDIA_TYPE] = content.pop("application/json")


def _add_example(operation: dict[str, Any], example: object) -> None:
    for status, answer in operation["responses"].items():
        content = answer.get("content", {}).get("application/json")
        if status.startswith("2") and content is not None:
            content["example"] = example
