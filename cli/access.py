"""Opens what a command acts on, and finds the stack that was named."""

from pathlib import Path

from recursor.cli.configured import Place
from recursor.domain.errors import InvalidInputError
from recursor.runner.access import Access


def open_place(place: Place) -> Access:
    """Return access to the data directory or the runner that a person named.

    Raises:
        InvalidInputError: it cannot be a directory.
    """
    if place.url is None:
        _check(place.data)
    found = place.configuration
    return Access(
        place.data,
        url=place.url,
        token=found.token,
        settings=lambda: found.settings,
        team=found.runner.team,
        runner=lambda: found.runner,
    )


def open_data(data: Path) -> Access:
    """Return access to the data directory that a person named.

    Raises:
        InvalidInputError: it cannot be a directory.
    """
    _check(data)
    return Access(data)


def find(access: Access, named: str) -> str:
    """Return the id of the stack that a person named.

    Raises:
        NotFoundError: nothing is named so.
        AmbiguousError: several stacks are.
    """
    return access.inspect(lambda inspection: inspection.find(named))


def _check(data: Path) -> None:
    if "\0" in str(data):
        raise InvalidInputError("--data: a path has no zero character: name a directory")
    try:
        nearest = next((path for path in (data, *data.parents) if path.exists()), data)
        if nearest.exists() and not nearest.is_dir():
            raise InvalidInputError(f"--data: {nearest} is a file: name a directory")
    except OSError as error:
        raise InvalidInputError(f"--data: {str(data)[:80]}: {error.strerror}: name a directory") from error
