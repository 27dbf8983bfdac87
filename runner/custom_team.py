"""Custom teams and roles, from a Python module or an installed package."""

import importlib
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from recursor.domain.errors import InvalidInputError, in_one_line, unknown_key
from recursor.orchestration.roles import Role, RoleRegistry

GROUP = "recursor.roles"
"""The group of entry points in which packages offer roles and teams."""


def custom_team(name: str, standard: Callable[[], RoleRegistry]) -> RoleRegistry:
    """Return the team named `name`.

    The named object may be a team, roles to add to the standard ones, or a function that returns either.

    Args:
        name: `MODULE:NAME`, where the module may be in the current directory; or the name of an entry point
            of the group `recursor.roles`.
        standard: returns the team to add roles to.

    Raises:
        InvalidInputError: it does not exist, cannot be imported, or is neither a team nor roles.
    """
    found = _imported(name) if ":" in name else _installed(name)
    try:
        made = found() if callable(found) and not isinstance(found, RoleRegistry) else found
        roles = [made] if isinstance(made, Role) else list(made) if isinstance(made, Iterable) else []
        if isinstance(made, RoleRegistry):
            return made
        if roles and all(isinstance(role, Role) for role in roles):
            return standard().adding(*roles)
    except InvalidInputError as error:
        raise InvalidInputError(f"team {name}: {error}") from None
    except Exception as error:  # a person's own program can raise anything
        raise InvalidInputError(f"team {name}: {in_one_line(error)}") from error
    kind = type(made).__name__
    raise InvalidInputError(f"team {name}: it is of type {kind}: give a RoleRegistry, a Role, or several")


def _imported(name: str) -> Any:
    module_name, _, attribute = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        # The `recursor` command, unlike `python -m`, does not search the current directory.
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a module is a program: it can raise anything
        raise InvalidInputError(
            f"team {name}: {module_name} cannot be imported: {in_one_line(error)}"
        ) from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        known = [each for each in vars(module) if not each.startswith("_")]
        unknown_key(f"team {name}", attribute, known, noun="name")


def _installed(name: str) -> Any:
    offered = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in offered:
        known = ", ".join(sorted(offered)) or "none"
        raise InvalidInputError(f"team {name}: it is neither MODULE:NAME nor installed ({GROUP}: {known})")
    try:
        return offered[name].load()
    except Exception as error:  # likewise
        raise InvalidInputError(f"team {name}: it cannot be loaded: {in_one_line(error)}") from error
