"""Opens what a command acts on."""

from pathlib import Path

from recursor.cli.configured import Place
from recursor.client.endpoint import Endpoint
from recursor.client.synchronous import Client
from recursor.domain.errors import InvalidInputError


def open_place(place: Place, *, alone: bool = False) -> Client:
    """Return a client for the data directory or the runner that a person named.

    Args:
        place: which one.
        alone: see `Endpoint`.

    Raises:
        InvalidInputError: it cannot be a directory.
    """
    if place.url is None:
        check_data(place.data)
    return Client(Endpoint(place.url or place.data, None, place.configuration, alone=alone))


def check_data(data: Path) -> None:
    """Check the data directory that a person named, which need not exist.

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
