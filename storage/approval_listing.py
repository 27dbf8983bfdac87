"""Requests for approval: the open ones of all stacks, the history of one, and one by its last digits."""

from collections.abc import Iterator

from recursor.domain.approval import Approval
from recursor.domain.errors import AmbiguousError, NotFoundError
from recursor.domain.record import Line, Record
from recursor.storage.errors import CorruptRecordError
from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader, prefix_range
from recursor.storage.tables import APPROVALS, OPEN, STACKS


class OpenApproval(Record):
    """A request for approval, and the name of its stack."""

    stack: Line
    approval: Approval


def open_approvals(reader: Reader, stack_id: str | None = None) -> list[OpenApproval]:
    """Return the requests that wait for an answer or for their use, newest first.

    Unreadable records are left out: the doctor tells them.

    Args:
        reader: the state of the store to read.
        stack_id: the stack; None: all.

    Raises:
        NotFoundError: there is no such stack.
    """
    found: list[OpenApproval] = []
    for each in _stacks_that_asked(reader) if stack_id is None else (read_stack(reader, stack_id).id,):
        try:
            asked = list(APPROVALS.scan(reader, each, shelf=OPEN))
            name = read_stack(reader, each).name if asked else ""
        except CorruptRecordError:
            continue
        found += [OpenApproval(stack=name, approval=approval) for approval in asked]
    found.sort(key=lambda each: each.approval.id, reverse=True)
    return found


def _stacks_that_asked(reader: Reader) -> Iterator[str]:
    """Yield the ids of the stacks with requests; others, however many, cost nothing."""
    start: bytes | None = b""
    while start is not None and (first := next(reader.scan(APPROVALS.name, start), None)) is not None:
        stack_id = first[0].partition(b"/")[0]
        yield stack_id.decode()
        _, start = prefix_range(stack_id + b"/")


def approvals_before(reader: Reader, stack_id: str, cursor: str = "") -> Iterator[Approval]:
    """Yield all requests of a stack, answered or not, newest first.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        cursor: the id of the last one on the previous page; empty to start with the newest.

    Raises:
        NotFoundError: there is no such stack.
    """
    read_stack(reader, stack_id)
    return APPROVALS.before(reader, stack_id, cursor)


def find_approval(reader: Reader, named: str) -> Approval:
    """Return a request by its id, or by the last digits of the id of an open one.

    Args:
        reader: the state of the store to read.
        named: the id or the digits.

    Raises:
        NotFoundError: there is none.
        AmbiguousError: the ids of several open ones end with these digits.
    """
    wanted = named.strip().lower()
    found = [each.approval for each in open_approvals(reader) if wanted and each.approval.id.endswith(wanted)]
    if len(found) > 1:
        raise AmbiguousError(f"several approvals have ids that end with {named!r}: give more digits")
    if found:
        return found[0]
    for key, _ in reader.scan(STACKS.name) if len(wanted) == 32 else ():  # an id's length
        known = APPROVALS.get(reader, key.decode(), wanted)
        if known is not None:
            return known
    raise NotFoundError(f"no open approval {named!r}: `recursor approvals` lists them")
