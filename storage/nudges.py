"""Notes that a stack has something new to look at, from processes that cannot tell its supervisor.

A command that writes to the store beside a runner leaves one; the runner's slow poll, and every start,
picks them up.
"""

from recursor.domain.ids import new_id
from recursor.storage.store import Reader, Writer
from recursor.storage.tables import NUDGES


def leave_nudge(writer: Writer, stack_id: str) -> None:
    """Ask whoever runs the stacks to look at this one."""
    writer.put(NUDGES, new_id().encode(), stack_id.encode())


def read_nudges(reader: Reader, limit: int = 10_000) -> dict[bytes, str]:
    """Return the oldest nudges: key → stack id."""
    found: dict[bytes, str] = {}
    for key, value in reader.scan(NUDGES):
        found[key] = value.decode(errors="replace")
        if len(found) >= limit:
            break
    return found


def clear_nudges(writer: Writer, keys: list[bytes]) -> None:
    """Remove nudges that have been acted upon."""
    for key in keys:
        writer.delete(NUDGES, key)


def delete_nudges(writer: Writer, stack_id: str) -> None:
    """Remove the nudges of a stack that is being deleted."""
    wanted = stack_id.encode()
    clear_nudges(writer, [key for key, value in writer.scan(NUDGES) if value == wanted])
