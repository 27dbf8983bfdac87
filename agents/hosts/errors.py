"""Errors that cross from one process to another, and the error for a process that has ended."""

import pickle

from recursor.domain.errors import RecursorError, in_one_line
from recursor.domain.spending import AgentFailedError


class HostGoneError(RecursorError):
    """The process ended in the middle of a run."""


class FarError(RecursorError):
    """An error whose own type could not be transferred; its text names the type."""


def packed(ended_with: object) -> bytes:
    """Return a run's result or error in a form for another process.

    Raises:
        FarError: it cannot be transferred.
    """
    try:
        return pickle.dumps(ended_with, pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001  # foreign code
        raise _unreadable(error) from None


def unpacked(data: bytes) -> object:
    """Return the object `packed` in another process.

    Raises:
        FarError: it cannot be read in this process.
    """
    try:
        return pickle.loads(data)  # our own bytes
    except Exception as error:  # noqa: BLE001  # foreign code
        raise _unreadable(error) from None


def _unreadable(error: Exception) -> FarError:
    return FarError(
        "the agent's result cannot leave its process: return a plain Outcome, of plain data: "
        f"{in_one_line(error)}"
    )


def portable(error: BaseException) -> BaseException:
    """Return `error`, or an equivalent one if it cannot be transferred."""
    try:
        kept: BaseException = pickle.loads(pickle.dumps(error))  # our own bytes
    except Exception:  # noqa: BLE001  # foreign code
        return _alike(error)
    return error if type(kept) is type(error) else _alike(error)


def _alike(error: BaseException) -> RecursorError:
    if isinstance(error, AgentFailedError):
        # The stack's reaction depends on more than the text.
        return error.retold(str(error), error.usage)
    return FarError(in_one_line(error))
