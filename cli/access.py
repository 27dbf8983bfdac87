"""Opens a data directory for a command, and finds the stack that was named."""

from pathlib import Path

from recursor.domain.errors import InvalidInputError
from recursor.runner.access import Access
from recursor.storage.stacks import find_stack


def open_data(data: Path) -> Access:
    """Return access to the data directory that a person named.

    Raises:
        InvalidInputError: it cannot be a directory.
    """
    if "\0" in str(data):
        raise InvalidInputError("--data: a path has no zero character: name a directory")
    try:
        nearest = next((path for path in (data, *data.parents) if path.exists()), data)
        if nearest.exists() and not nearest.is_dir():
            raise InvalidInputError(f"--data: {nearest} is a file: name a directory")
    except OSError as error:
        raise InvalidInputError(f"--data: {str(data)[:80]}: {error.strerror}: name a directory") from error
    return Access(data)


def find(access: Access, named: str) -> str:
    """Return the id of the stack that a person named.

    Raises:
        NotFoundError: nothing is named so.
        AmbiguousError: several stacks are.
    """
    with access.read() as reader:
        return find_stack(reader, named)
