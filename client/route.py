"""The route of a call to the process that answers it, without input or output: the clients execute it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from recursor.client.reply import checked, reason, silence
from recursor.domain.errors import InvalidInputError, RecursorError
from recursor.runner.control_socket import ControlSocketError, open_socket_path
from recursor.runner.directory_lock import PAUSE_SECONDS, runner_of
from recursor.runner.errors import RunnerGoneError, RunnerSilentError, UnauthorizedError
from recursor.storage.data_directory import holder
from recursor.storage.errors import DirectoryInUseError, StorageError

if TYPE_CHECKING:
    import httpx

    from recursor.client.call import Call

# A healthy local runner answers within milliseconds, so reads that work without it do not wait long. A
# command is one commit. A remote runner is indispensable, and networks are slow at times.
READ_SECONDS, COMMAND_SECONDS, REMOTE_SECONDS = 5.0, 30.0, 30.0

# Seconds to wait for a runner that starts or ends, or for another command.
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Target:
    """The process to ask."""

    url: str
    """The base of paths."""
    socket: str | None = None
    """The runner's Unix socket; None for a runner at a URL."""


@dataclass(frozen=True, slots=True)
class AskRunner:
    """Send a call to a runner. Results in an `httpx.Response`, or an `httpx.TransportError`."""

    target: Target
    seconds: float
    """Seconds to wait for each part of the answer."""


@dataclass(frozen=True, slots=True)
class AskHere:
    """Let the API in this process answer. Results in an `httpx.Response`."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait some seconds."""

    seconds: float


Step = AskRunner | AskHere | Pause
Steps = Generator[Step, "httpx.Response | Exception | None", "httpx.Response"]


class Route(Protocol):
    """The route to the process that answers."""

    def steps(self, call: Call) -> Steps:
        """Yield the steps to an answer, and return the answer.

        Raises:
            RecursorError: the answer is an error, or there is none.
        """
        ...

    def target(self) -> Target:
        """Return the runner, for a stream of events.

        Raises:
            RunnerGoneError: there is no runner.
        """
        ...

    def failure(self, target: Target, error: Exception, seconds: float) -> RecursorError:
        """Return the error for a runner that did not answer within some seconds."""
        ...


class UrlRoute:
    """The route to the runner at a URL."""

    def __init__(self, url: str, runner: int | None = None) -> None:
        """Ask a runner.

        Args:
            url: its address, without a trailing slash.
            runner: the process that must answer; None: any runner.
        """
        self._target = Target(url)
        self._runner = runner
        self._host = urlsplit(url).hostname or ""
        # A runner on this machine is known to exist.
        self._seconds = REMOTE_SECONDS if runner is None else READ_SECONDS

    def steps(self, call: Call) -> Steps:
        """See `Route.steps`."""
        seconds = max(self._seconds, call.takes)
        reply = yield AskRunner(self._target, seconds)
        if isinstance(reply, Exception):
            raise self.failure(self._target, reply, seconds) from reply
        assert reply is not None
        return checked(reply, self._target.url, self._runner)

    def target(self) -> Target:
        """See `Route.target`."""
        return self._target

    def failure(self, target: Target, error: Exception, seconds: float) -> RecursorError:  # noqa: ARG002
        """See `Route.failure`."""
        return silence(error, target.url, self._host)


class RunnerRoute:
    """The route to the runner of a data directory, through its socket."""

    def __init__(self, data: Path) -> None:
        """Ask the runner of `data`."""
        self._data = data

    def steps(self, call: Call) -> Steps:
        """See `Route.steps`."""
        target = self.target()
        seconds = max(READ_SECONDS if call.reads else COMMAND_SECONDS, call.takes)
        reply = yield AskRunner(target, seconds)
        if isinstance(reply, Exception):
            raise self.failure(target, reply, seconds) from reply
        assert reply is not None
        return checked(reply, str(self._data))

    def target(self) -> Target:
        """See `Route.target`."""
        found = runner_of(self._data)
        if found is None:
            raise RunnerGoneError(f"{self._data}: no runner is up: `recursor run` starts one")
        who = f"{self._data}: the runner (process {found.pid})"
        place = found.details.get("control")
        if not isinstance(place, str):
            raise RunnerGoneError(f"{who} takes no commands yet: it is starting")
        try:
            # Here, because httpx leaves a socket open if it could not connect.
            path = open_socket_path(self._data, place, READ_SECONDS)
        except ControlSocketError as error:
            if isinstance(error.__cause__, PermissionError):
                raise UnauthorizedError(
                    f"{who} is another user's: act as that user or root, or name its API with --url"
                ) from error
            raise RunnerGoneError(f"{who} takes no commands: {error}") from error
        # The host name that the guard of an API without a token accepts.
        return Target("http://localhost", path)

    def failure(self, target: Target, error: Exception, seconds: float) -> RecursorError:
        """See `Route.failure`."""
        import httpx

        found = holder(self._data)
        who = f"{self._data}: the runner" + ("" if found is None else f" (process {found.pid})")
        if isinstance(error, httpx.TimeoutException):
            return RunnerSilentError(f"{who} did not answer within {seconds:g} s: see `recursor doctor`")
        return RunnerGoneError(f"{who} takes no commands: {target.socket}: {reason(error)}")


class DirectoryRoute:
    """The route to the runner of a data directory, or, if none is up, to the API in this process."""

    def __init__(
        self, data: Path, refused: Callable[[], bool], patience: float, *, alone: bool = False
    ) -> None:
        """Ask the process that runs the stacks of `data`.

        Args:
            data: the data directory.
            refused: whether the API in this process found the directory locked.
            patience: seconds to wait for a runner that starts or ends.
            alone: whether to ask no runner even if one is up; only for reading.
        """
        self._data = data
        self._alone = alone
        self._runner = RunnerRoute(data)
        self._refused = refused
        self._patience = patience

    def steps(self, call: Call) -> Steps:
        """See `Route.steps`."""
        deadline = time.monotonic() + self._patience
        while True:
            found = None if self._alone else runner_of(self._data)
            starting = found is not None and found.details.get("control") is None
            gone: RecursorError | None = None
            if found is None or (starting and call.reads):
                reply = yield AskHere()
            else:
                try:
                    return (yield from self._runner.steps(call))
                except (RunnerSilentError, UnauthorizedError) as error:
                    gone, reply = error, None
                if call.reads:
                    # The store can be read without the runner.
                    reply = yield AskHere()
            if isinstance(reply, Exception):
                raise reply
            if reply is not None and not self._refused():
                return checked(reply, str(self._data))
            if gone is not None and not isinstance(gone, RunnerGoneError):
                raise gone
            if starting and call.reads:
                # Only the runner can answer, and it cannot yet.
                self._runner.target()
            if time.monotonic() >= deadline:
                raise self._took_too_long(gone)
            yield Pause(PAUSE_SECONDS)

    def target(self) -> Target:
        """See `Route.target`."""
        return self._runner.target()

    def failure(self, target: Target, error: Exception, seconds: float) -> RecursorError:
        """See `Route.failure`."""
        return self._runner.failure(target, error, seconds)

    def _took_too_long(self, gone: RecursorError | None) -> DirectoryInUseError:
        found = holder(self._data)
        who = "another process" if found is None else f"process {found.pid}"
        why = gone or f"{self._data}: {who} is starting, ending, or busy with another command"
        return DirectoryInUseError(f"{why}; waited {self._patience:g} s: try again, or see `recursor doctor`")


def checked_directory(data: Path) -> Path:
    """Return a data directory's path, which need not exist.

    Raises:
        InvalidInputError: it is not a valid path.
        StorageError: it is a file.
    """
    if "\0" in str(data):
        raise InvalidInputError("data: a path cannot contain a zero character: name a directory")
    if data.exists() and not data.is_dir():
        raise StorageError(f"{data}: is a file where a directory should be: name a directory")
    return data
