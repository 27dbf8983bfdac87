"""The roles that have run in each stack, whatever the current team."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from recursor.storage.store import Reader
from recursor.storage.tables import STATES


def roles_of_stack(reader: Reader, stack_id: str) -> tuple[str, ...]:
    """Return the roles that have run in a stack."""
    return tuple(STATES.keys(reader, stack_id))


def missing_roles(reader: Reader, team: Collection[str]) -> Mapping[str, list[str]]:
    """Return the roles that have run but are not in `team`, with the ids of their stacks."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for key, _ in reader.scan(STATES.name):
        stack_id, _, role = key.decode(errors="replace").partition("/")
        if role not in team:
            found[role].append(stack_id)
    return found
