"""Errors that cross from one process to another, and the one of a process that is gone."""

import pickle

from recursor.domain.errors import RecursorError, in_one_line
from recursor.domain.spending import AgentFailedError


class HostGoneError(RecursorError):
    """The process has ended in the middle of a run."""


class FarError(RecursorError):
    """An error whose own kind could not be brought here; its text says which it was."""


def packed(ended_with: object) -> bytes:
    """Return what a run has returned or raised, to be brought to another process.

    Raises:
        FarError: it cannot be.
    """
    try:
        return pickle.dumps(ended_with, pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001  # anybody's code
        raise _unreadable(error) from None


def unpacked(data: bytes) -> object:
    """Return what was `packed` in another process.

    Raises:
        FarError: it cannot be read in this one.
    """
    try:
        return pickle.loads(data)  # our own bytes
    except Exception as error:  # noqa: BLE001  # anybody's code
        raise _unreadable(error) from None


def _unreadable(error: Exception) -> FarError:
    return FarError(
        "what the agent ended with cannot leave its process: return a plain Outcome, of plain data: "
        f"{in_one_line(error)}"
    )


def portable(error: BaseException) -> BaseException:
    """Return `error`, or one that says the same, if it does not survive the way."""
    try:
        kept: BaseException = pickle.loads(pickle.dumps(error))  # our own bytes
    except Exception:  # noqa: BLE001  # anybody's code
        return _alike(error)
    return error if type(kept) is type(error) else _alike(error)


def _alike(error: BaseException) -> RecursorError:
    if isinstance(error, AgentFailedError):
        # What becomes of the stack hangs on more than the text.
        return error.retold(str(error), error.usage)
    return FarError(in_one_line(error))
