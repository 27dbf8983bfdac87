"""Errors that prevent a command, whatever the command is."""

from recursor.domain.errors import RecursorError


class RunnerSilentError(RecursorError):
    """The runner did not answer; whether it carried out the command is unknown."""


class RunnerGoneError(RunnerSilentError):
    """The runner is gone, or does not take commands yet."""


class UnauthorizedError(RecursorError):
    """The runner wants a token or a different one, or belongs to another user."""
