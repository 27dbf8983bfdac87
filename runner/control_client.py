"""Asks the runner of a data directory over its control socket: what a command does where one is up."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pykka import ActorDeadError

from recursor.domain.errors import RecursorError
from recursor.runner.control_socket import ControlSocketError, connect
from recursor.runner.errors import RunnerGoneError, RunnerSilentError
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

# Commits are grouped: many questions at a time take hardly longer than one.
_AT_A_TIME = 100


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
            OtherReleaseError: it is of another version.
        """
        self._who = f"{data}: the runner (process {pid})"
        try:
            self._frames = FrameSocket(connect(data, place, GREETING_SECONDS))
        except ControlSocketError as error:
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

    def ask_each(self, messages: Sequence[object]) -> list[object]:
        """Return what the runner answers to each message, an exception where it cannot be done.

        Raises:
            RunnerGoneError: it ended meanwhile: what is not done can be done without it.
            RunnerSilentError: it did not answer in time; whether it did what was asked is not known.
        """
        found: list[object] = []
        for start in range(0, len(messages), _AT_A_TIME):
            found += self._ask_some(messages[start : start + _AT_A_TIME])
        return found

    def close(self) -> None:
        """Hang up. Closing twice is fine."""
        self._frames.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _ask_some(self, messages: Sequence[object]) -> list[object]:
        answers: dict[int, object] = {}
        try:
            for number, message in enumerate(messages):
                body = pickle.dumps(message)
                if len(body) > LARGEST_QUESTION:
                    raise RecursorError(
                        f"{len(body):,} bytes are more than a runner takes at a time: say less"
                    )
                self._frames.send(pack(Kind.QUESTION, body, number))
            while len(answers) < len(messages):
                frame = self._frames.receive(ANSWER_SECONDS)
                value, error = settled(frame)
                if isinstance(error, ActorDeadError):
                    raise RunnerGoneError(f"{self._who} is ending")
                answers[frame.number] = value if error is None else error
        except DisconnectedError as error:
            raise RunnerGoneError(f"{self._who} ended while it was asked") from error
        except TimeoutError as error:
            raise self._silence(ANSWER_SECONDS) from error
        return [answers[number] for number in range(len(messages))]

    def _silence(self, seconds: float) -> RunnerSilentError:
        return RunnerSilentError(
            f"{self._who} did not answer within {seconds:g} s: `recursor doctor` says what keeps it"
        )
