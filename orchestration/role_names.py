"""Which settings name roles, and whether a team has the roles that they name."""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches

from recursor.domain.errors import InvalidInputError, unknown_key
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

# "bulider" is as near to "builder" as 0.86, "researcher" to "reviewer" as 0.67.
_ALIKE = 0.8


def roles_named(given: Overrides) -> dict[str, tuple[str, ...]]:
    """Return the roles that settings (section → key → value) name, by `SECTION.KEY`."""
    return {
        f"{section}.{key}": tuple(value)
        for section, key in BY_ROLE
        if isinstance(value := given.get(section, {}).get(key), Mapping)
    }


def check_roles(given: Overrides, team: Collection[str] | None = None, kept: Overrides | None = None) -> None:
    """Refuse settings for a role that the team does not have: they would limit, and give a model to, nobody.

    Args:
        given: what is set, by section and key.
        team: its roles. None where nobody knows yet which team a runner will have: then only what looks like
            a slip of the pen in the name of a standard role is refused.
        kept: what was set before. A role of that may stay: the team may have lost it since, and who sets
            something else has no part in it.

    Raises:
        InvalidInputError: there is no such role; the nearest is suggested.
    """
    for setting, name in _unknown(given, STANDARD if team is None else team, kept or {}):
        if team is not None:
            unknown_key(setting, name, sorted(team), noun="role")
        if near := _slip(name):
            raise InvalidInputError(
                f"{setting}: unknown role {name!r}; did you mean {near}? "
                "(A team that has it is named by runner.team)"
            )


def unchecked_roles(given: Overrides) -> Iterator[str]:
    """Yield a line for each role that the standard team lacks, for where nobody knows the team yet."""
    for setting, name in _unknown(given, STANDARD, {}):
        yield f"{setting}: the standard team has no {name}: run the stack by a team that has (runner.team)"


def _unknown(given: Overrides, team: Collection[str], kept: Overrides) -> Iterator[tuple[str, str]]:
    before = roles_named(kept)
    for setting, names in roles_named(given).items():
        for name in names:
            if name not in team and name not in before.get(setting, ()):
                yield setting, name


def _slip(name: str) -> str | None:
    near = get_close_matches(name, STANDARD, n=1, cutoff=_ALIKE)
    return near[0] if near else None
