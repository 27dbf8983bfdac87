"""Runs teams of autonomous agents.

These names are all that a program that embeds Recursor needs, and all that the author of a role needs. They are
described, each with an example, in `docs/reference/python.md`. Importing `recursor` imports none of them: each is
imported when it is first used.
"""

from importlib import import_module

# As type checkers understand it, without the time that the import of `typing` takes.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from recursor.actors import messages
    from recursor.actors.orchestrator import Orchestrator
    from recursor.agents.model import authoring as models
    from recursor.domain import effect, events, new_records
    from recursor.domain.agent import Run
    from recursor.domain.effect import Outcome
    from recursor.domain.errors import RecursorError
    from recursor.domain.settings import RunnerSettings, Settings
    from recursor.domain.snapshot import Snapshot
    from recursor.domain.work import WorkStatus
    from recursor.orchestration.roles import Dependency, Role, RoleRegistry
    from recursor.runner.team import standard_team
    from recursor.storage import queries
    from recursor.storage.opening import open_store

__version__ = "0.1.0"

__all__ = [
    # To embed Recursor.
    "Orchestrator",
    "RecursorError",
    "RunnerSettings",
    "Settings",
    "events",
    "messages",
    "new_records",
    "open_store",
    "queries",
    "standard_team",
    # To write a role.
    "Dependency",
    "Outcome",
    "Role",
    "RoleRegistry",
    "Run",
    "Snapshot",
    "WorkStatus",
    "effect",
    "models",
]

# Where each name is: a module, or `module:name`.
_HOMES = {
    "Dependency": "recursor.orchestration.roles:Dependency",
    "Orchestrator": "recursor.actors.orchestrator:Orchestrator",
    "Outcome": "recursor.domain.effect:Outcome",
    "RecursorError": "recursor.domain.errors:RecursorError",
    "Role": "recursor.orchestration.roles:Role",
    "RoleRegistry": "recursor.orchestration.roles:RoleRegistry",
    "Run": "recursor.domain.agent:Run",
    "RunnerSettings": "recursor.domain.settings:RunnerSettings",
    "Settings": "recursor.domain.settings:Settings",
    "Snapshot": "recursor.domain.snapshot:Snapshot",
    "WorkStatus": "recursor.domain.work:WorkStatus",
    "effect": "recursor.domain.effect",
    "events": "recursor.domain.events",
    "messages": "recursor.actors.messages",
    "models": "recursor.agents.model.authoring",
    "new_records": "recursor.domain.new_records",
    "open_store": "recursor.storage.opening:open_store",
    "queries": "recursor.storage.queries",
    "standard_team": "recursor.runner.team:standard_team",
}


if not TYPE_CHECKING:
    # Type checkers would take any name as given.
    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module 'recursor' has no attribute {name!r}; it has {', '.join(__all__)}")
        module, _, attribute = _HOMES[name].partition(":")
        found = _imported(module)
        value = getattr(found, attribute) if attribute else found
        globals()[name] = value
        return value


def _imported(module: str) -> object:
    if module != _HOMES["models"]:
        return import_module(module)
    from recursor.domain.extras import needing

    with needing("models", "recursor.models"):
        return import_module(module)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
