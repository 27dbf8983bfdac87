"""Reading on where some records cannot be read."""

from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

from recursor.storage.errors import CorruptRecordError

P = ParamSpec("P")
T = TypeVar("T")


class Attempts:
    """Reads records, and keeps the reasons of those that cannot be read."""

    def __init__(self, failed: Iterable[str] = ()) -> None:
        """Begin with the reasons that are known."""
        self._failed = dict.fromkeys(failed)

    def __call__(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Return what `read` returns, or None if it meets a record that cannot be read."""
        try:
            return read(*args, **kwargs)
        except CorruptRecordError as error:
            self._failed[str(error)] = None
            return None

    @property
    def failed(self) -> tuple[str, ...]:
        """The reasons: table, key and why, each once."""
        return tuple(self._failed)
