"""Errors that cross from one process to another, and the one of a process that is gone."""

import pickle

from recursor.domain.errors import RecursorError, in_one_line


class HostGoneError(RecursorError):
    """The process has ended in the middle of a run."""


class FarError(RecursorError):
    """An error whose own kind could not be brought here; its text says which it was."""


def portable(error: BaseException) -> BaseException:
    """Return `error`, or one that says the same, if it does not survive the way."""
    try:
        kept: BaseException = pickle.loads(pickle.dumps(error))  # our own bytes
    except Exception:  # noqa: BLE001  # anybody's code
        return FarError(in_one_line(error))
    return error if type(kept) is type(error) else FarError(in_one_line(error))
