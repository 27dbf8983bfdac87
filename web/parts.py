"""The parts of the API, each a module with a router, and the assignment of paths to them."""

from collections.abc import Iterable
from importlib import import_module

from fastapi import APIRouter

PARTS = (
    "web.api.control",
    "web.api.stacks",
    "web.api.project",
    "web.api.todos",
    "web.api.approvals",
    "web.api.workspaces",
    "web.api.conversations",
    "web.api.artifacts",
    "web.api.executions",
    "web.api.traces",
    "web.api.statistics",
    "web.api.budgets",
    "web.api.live",
    "web.api.process",
    "web.api.logs",
    "web.api.pruning",
    "web.doctor",
    "web.sql",
)

_OF_ALL = {
    "approvals": "web.api.approvals",
    "control": "web.api.control",
    "stats": "web.api.statistics",
    "budget": "web.api.budgets",
    "events": "web.api.live",
    "logs": "web.api.logs",
    "prune": "web.api.pruning",
    "doctor": "web.doctor",
    "sql": "web.sql",
}
_OF_STACKS = {
    "start": "web.api.control",
    "pause": "web.api.control",
    "resume": "web.api.control",
    "stop": "web.api.control",
    "idea": "web.api.project",
    "todos": "web.api.todos",
    "approvals": "web.api.approvals",
    "workspace": "web.api.workspaces",
    "user-messages": "web.api.conversations",
    "messages": "web.api.conversations",
    "artifacts": "web.api.artifacts",
    "executions": "web.api.executions",
    "graphs": "web.api.executions",
    "traces": "web.api.traces",
    "stats": "web.api.statistics",
    "budget": "web.api.budgets",
    "prune": "web.api.pruning",
    "repair": "web.api.pruning",
}


def part_of(path: str) -> str:
    """Return the part of the API that a path belongs to."""
    _, _, first, *rest = (*path.split("/"), "", "")
    if first != "stacks":
        return _OF_ALL.get(first, "web.api.process")
    return _OF_STACKS.get(rest[1], "web.api.stacks")


def routers(parts: Iterable[str]) -> Iterable[APIRouter]:
    """Yield the routers of some parts."""
    for part in parts:
        router = import_module(f"recursor.{part}").router
        assert isinstance(router, APIRouter)
        yield router
