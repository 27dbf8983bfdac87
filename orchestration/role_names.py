"""Settings that name roles, and whether a team has those roles."""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches

from recursor.domain.errors import InvalidInputError, unknown_key
from recursor.domain.settings import Overrides

STANDARD = ("planner", "builder", "communicator", "reviewer")
"""The roles of the standard team."""

BY_ROLE = (
    ("model", "roles"),
    ("agent", "roles"),
    ("budget", "role_tokens"),
    ("budget", "role_dollars"),
    ("budget", "role_runs_per_hour"),
)
"""The settings that have values by role: section and key."""

# Ratios: "bulider" to "builder" has 0.86, "researcher" to "reviewer" 0.67.
_ALIKE = 0.8


def roles_named(given: Overrides) -> dict[str, tuple[str, ...]]:
    """Return the roles that settings (section → key → value) name, by `SECTION.KEY`."""
    return {
        f"{section}.{key}": tuple(value)
        for section, key in BY_ROLE
        if isinstance(value := given.get(section, {}).get(key), Mapping)
    }


def check_roles(given: Overrides, team: Collection[str] | None = None, kept: Overrides | None = None) -> None:
    """Refuse settings for a role that the team does not have: they would have no effect.

    Args:
        given: the new settings, by section and key.
        team: its roles. None if the runner's team is not known yet: then only probable misspellings of
            standard roles are refused.
        kept: the existing settings. Their roles may stay: the team may have lost them since, which must not
            block other changes.

    Raises:
        InvalidInputError: a role does not exist; the nearest is suggested.
    """
    for setting, name in _unknown(given, STANDARD if team is None else team, kept or {}):
        if team is not None:
            unknown_key(setting, name, sorted(team), noun="role")
        if near := _slip(name):
            raise InvalidInputError(
                f"{setting}: unknown role {name!r}; did you mean {near}? "
                "(To use a team that has it, set runner.team)"
            )


def unchecked_roles(given: Overrides) -> Iterator[str]:
    """Yield a line for each role that the standard team lacks, for use while the team is unknown."""
    for setting, name in _unknown(given, STANDARD, {}):
        yield f"{setting}: the standard team has no {name}: use a team that has one (runner.team)"


def _unknown(given: Overrides, team: Collection[str], kept: Overrides) -> Iterator[tuple[str, str]]:
    before = roles_named(kept)
    for setting, names in roles_named(given).items():
        for name in names:
            if name not in team and name not in before.get(setting, ()):
                yield setting, name


def _slip(name: str) -> str | None:
    near = get_close_matches(name, STANDARD, n=1, cutoff=_ALIKE)
    return near[0] if near else None
