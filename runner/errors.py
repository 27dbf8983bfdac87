"""What keeps a command from being done that has nothing to do with what it asks for."""

from recursor.domain.errors import RecursorError


class RunnerSilentError(RecursorError):
    """The runner did not answer; whether it did what was asked is not known."""


class RunnerGoneError(RunnerSilentError):
    """There is no runner any more, or none that takes commands yet."""


class UnauthorizedError(RecursorError):
    """The runner wants a token, or another one, or is another user's."""
