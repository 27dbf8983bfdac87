"""Which settings name roles, and whether a team has the roles that they name."""

from collections.abc import Collection, Mapping

from recursor.domain.errors import unknown_key
from recursor.domain.settings import Overrides

STANDARD = ("planner", "builder", "communicator", "reviewer")
"""The roles of the standard team."""

BY_ROLE = (
    ("model", "roles"),
    ("budget", "role_tokens"),
    ("budget", "role_dollars"),
    ("budget", "role_runs_per_hour"),
)
"""The settings that say something by role: section and key."""


def roles_named(given: Overrides) -> dict[str, tuple[str, ...]]:
    """Return the roles that settings (section → key → value) name, by `SECTION.KEY`."""
    return {
        f"{section}.{key}": tuple(value)
        for section, key in BY_ROLE
        if isinstance(value := given.get(section, {}).get(key), Mapping)
    }


def check_roles(given: Overrides, roles: Collection[str], kept: Overrides | None = None) -> None:
    """Refuse settings for a role that the team does not have: they would limit, and give a model to, nobody.

    Args:
        given: what is set, by section and key.
        roles: the team's.
        kept: what was set before. A role of that may stay: the team may have lost it since, and who sets
            something else has no part in it.

    Raises:
        InvalidInputError: there is no such role; the nearest is suggested.
    """
    before = roles_named(kept or {})
    for setting, names in roles_named(given).items():
        for name in names:
            if name not in roles and name not in before.get(setting, ()):
                unknown_key(setting, name, sorted(roles), noun="role")
