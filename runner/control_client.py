"""Asks the runner of a data directory over its control socket: what a command does where one is up."""

import pickle
from pathlib import Path

from pykka import ActorDeadError

from recursor.domain.errors import RecursorError
from recursor.runner.control_socket import ControlSocketError, connect
from recursor.runner.errors import RunnerGoneError, RunnerSilentError, UnauthorizedError
from recursor.runner.frames import (
    LARGEST_QUESTION,
    DisconnectedError,
    FrameSocket,
    Kind,
    pack,
    settled,
)

# A runner that is well says at once who it is, and answers within milliseconds: a command is one commit.
GREETING_SECONDS, ANSWER_SECONDS = 5.0, 30.0


class ControlClient:
    """A connection to a runner, for one command."""

    def __init__(self, data: Path, place: str, pid: int) -> None:
        """Connect.

        Args:
            data: the data directory.
            place: where its socket is, by its lock file.
            pid: the process that holds the directory.

        Raises:
            RunnerGoneError: nobody listens there any more, or yet.
            RunnerSilentError: the runner does not say who it is.
            UnauthorizedError: it is another user's.
            OtherReleaseError: it is of another version.
        """
        self._who = f"{data}: the runner (process {pid})"
        try:
            self._frames = FrameSocket(connect(data, place, GREETING_SECONDS))
        except ControlSocketError as error:
            if isinstance(error.__cause__, PermissionError):
                raise UnauthorizedError(
                    f"{self._who} is another user's: act as that user or root, or name its API with --url"
                ) from error
            raise RunnerGoneError(f"{self._who} takes no commands: {error}") from error
        try:
            found = self._frames.greet(GREETING_SECONDS)
        except BaseException as error:
            self.close()
            if isinstance(error, TimeoutError):
                raise self._silence(GREETING_SECONDS) from error
            if isinstance(error, DisconnectedError):
                raise RunnerGoneError(f"{self._who} takes no commands: it is ending, or busy") from error
            raise
        if found != pid:
            self.close()
            raise RunnerGoneError(f"{self._who} takes no commands: process {found} answers in its place")

    def ask(self, message: object) -> object:
        """Return what the runner answers to a message.

        Raises:
            RecursorError: what it answers with, where it cannot be done.
            RunnerGoneError: it ended meanwhile: what is not done can be done without it.
            RunnerSilentError: it did not answer in time; whether it did what was asked is not known.
        """
        body = pickle.dumps(message)
        if len(body) > LARGEST_QUESTION:
            raise RecursorError(f"{len(body):,} bytes are more than a runner takes at a time: say less")
        try:
            self._frames.send(pack(Kind.QUESTION, body))
            value, error = settled(self._frames.receive(ANSWER_SECONDS))
        except DisconnectedError as gone:
            raise RunnerGoneError(f"{self._who} ended while it was asked") from gone
        except TimeoutError as late:
            raise self._silence(ANSWER_SECONDS) from late
        if isinstance(error, ActorDeadError):
            raise RunnerGoneError(f"{self._who} is ending")
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """Hang up. Closing twice is fine."""
        self._frames.close()

    def _silence(self, seconds: float) -> RunnerSilentError:
        return RunnerSilentError(
            f"{self._who} did not answer within {seconds:g} s: `recursor doctor` says what keeps it"
        )
