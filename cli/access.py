"""Clients for commands."""

from pathlib import Path

from recursor.cli.configured import Place
from recursor.client.endpoint import Endpoint
from recursor.client.synchronous import Client
from recursor.domain.errors import InvalidInputError


def open_place(place: Place, *, alone: bool = False) -> Client:
    """Return a client for the data directory or the runner named by a person.

    Args:
        place: the directory or runner.
        alone: see `Endpoint`.

    Raises:
        InvalidInputError: it is not a valid directory.
    """
    if place.url is None:
        check_data(place.data)
    return Client(Endpoint(place.url or place.data, None, place.configuration, alone=alone))


def check_data(data: Path) -> None:
    """Check the data directory named by a person, which need not exist.

    Raises:
        InvalidInputError: it is not a valid directory.
    """
    if "\0" in str(data):
        raise InvalidInputError("--data: a path cannot contain a zero character: name a directory")
    try:
        nearest = next((path for path in (data, *data.parents) if path.exists()), data)
        if nearest.exists() and not nearest.is_dir():
            raise InvalidInputError(f"--data: {nearest} is a file: name a directory")
    except OSError as error:
        raise InvalidInputError(f"--data: {str(data)[:80]}: {error.strerror}: name a directory") from error
