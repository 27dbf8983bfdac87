"""A stack's own record on disk."""

from recursor.domain.errors import NotFoundError
from recursor.domain.stack import Stack
from recursor.storage.store import Reader
from recursor.storage.tables import STACKS


def read_stack(reader: Reader, stack_id: str) -> Stack:
    """Return a stack by its full id.

    Raises:
        NotFoundError: there is none.
        CorruptRecordError: it cannot be read.
    """
    stack = STACKS.get(reader, stack_id)
    if stack is None:
        raise NotFoundError(f"no stack {stack_id}: it does not exist or was deleted")
    return stack
