"""The frames of a channel: what the runner and the processes that speak with it write to each other.

A channel joins a runner to another process of the same program on the same machine: questions go one way,
answers and events the other. Each says first of which version it is, in JSON; the rest is pickled, because
both ends are ours and of one version.
"""

from __future__ import annotations

import json
import os
import pickle
import socket
import struct
import threading
import time
from enum import IntEnum, auto
from typing import Any, NamedTuple

from pykka import ActorDeadError

from recursor import __version__
from recursor.domain.errors import RecursorError, in_one_line

# Bytes. The longest that is asked is the body of a request, of which the API takes a megabyte.
LARGEST_QUESTION = 8 * 1024 * 1024
LARGEST_ANSWER = 256 * 1024 * 1024

_HEADER = struct.Struct("!BQI")
HEADER_BYTES = _HEADER.size


class Kind(IntEnum):
    """What a frame is."""

    GREETING = auto()
    """Both ways, first of all: `release` and `pid`, as JSON."""
    ASSIGNMENT = auto()
    """To the process that serves: what it serves, and how."""
    QUESTION = auto()
    """To the orchestrator: one of `recursor.actors.messages`."""
    ANSWER = auto()
    ERROR = auto()
    """In the place of an answer: an exception."""
    EVENTS = auto()
    """A tuple of events, and how many more were not told."""
    SERVING = auto()
    """From the process that serves: it does."""
    TROUBLE = auto()
    """From the process that serves: why it cannot, as text."""
    GOODBYE = auto()
    """From the runner: it ends on purpose."""


class Frame(NamedTuple):
    """One frame."""

    kind: int
    number: int
    """Which question it asks or answers."""
    body: bytes


class FrameError(RecursorError):
    """What came is no frame, or a larger one than is taken."""


class OtherReleaseError(RecursorError):
    """The other end is of another version."""


class DisconnectedError(RecursorError):
    """The other end is gone."""


def pack(kind: Kind, body: bytes = b"", number: int = 0) -> bytes:
    """Return a frame as it is sent."""
    return _HEADER.pack(kind, number, len(body)) + body


def unpack_header(header: bytes, largest: int) -> tuple[int, int, int]:
    """Return the kind and number of a frame, and how many bytes follow.

    Raises:
        FrameError: these are more than `largest`.
    """
    kind, number, length = _HEADER.unpack(header)
    if length > largest:
        raise FrameError(f"a message of {length} bytes is larger than the {largest} that are taken")
    return kind, number, length


def pack_answer(number: int, value: object) -> bytes:
    """Return the answer to a question, as it is sent."""
    try:
        return pack(Kind.ANSWER, pickle.dumps(value), number)
    except Exception as error:  # noqa: BLE001  # whatever it is, the asker is to be told
        return pack_error(number, error)


def pack_error(number: int, error: BaseException) -> bytes:
    """Return an exception in the place of an answer, as it is sent."""
    try:
        pickled = pickle.dumps(error)
        # Some errors can be taken apart and not put together again.
        pickle.loads(pickled)
    except Exception:  # noqa: BLE001  # whatever it is, the asker is to be told
        pickled = pickle.dumps(RuntimeError(in_one_line(error)))
    return pack(Kind.ERROR, pickled, number)


def greeting() -> bytes:
    """Return the first frame of either end."""
    return pack(Kind.GREETING, json.dumps({"release": __version__, "pid": os.getpid()}).encode())


def check_greeting(frame: Frame, who: str) -> int:
    """Return the process id of the other end, which is of this version.

    Args:
        frame: what it said first.
        who: what it is, for the error.

    Raises:
        OtherReleaseError: it is of another version.
    """
    try:
        if frame.kind != Kind.GREETING:
            raise ValueError(frame.kind)
        said = json.loads(frame.body)
        theirs, pid = str(said["release"]), int(said["pid"])
    except (ValueError, TypeError, LookupError):
        theirs, pid = "unknown", 0
    if theirs != __version__:
        raise OtherReleaseError(
            f"{who} is of version {theirs}, and this is version {__version__}: use the same version"
        )
    return pid


class FrameSocket:
    """A connected socket, for threads that wait. Any thread may send; one at a time may receive."""

    def __init__(self, connection: socket.socket) -> None:
        """Use `connection`, which is closed with this."""
        self._connection = connection
        self._sending = threading.Lock()

    def send(self, frame: bytes) -> None:
        """Send a packed frame.

        Raises:
            DisconnectedError: the other end is gone.
        """
        try:
            with self._sending:
                self._connection.sendall(frame)
        except OSError as error:
            raise DisconnectedError(f"the other end is gone: {error}") from error

    def receive(self, seconds: float | None = None) -> Frame:
        """Return the next frame.

        Args:
            seconds: how long to wait for all of it; None: for ever.

        Raises:
            DisconnectedError: the other end is gone.
            FrameError: it is larger than the largest answer.
            TimeoutError: it did not come in time.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        header = self._exactly(HEADER_BYTES, deadline)
        kind, number, length = unpack_header(header, LARGEST_ANSWER)
        return Frame(kind, number, self._exactly(length, deadline))

    def greet(self, seconds: float | None = None) -> int:
        """Exchange greetings with a runner, and return its process id.

        Raises:
            OtherReleaseError: it is of another version.
            DisconnectedError, TimeoutError: see `receive`.
        """
        self.send(greeting())
        return check_greeting(self.receive(seconds), "the runner")

    def close(self) -> None:
        """Hang up. Closing twice is fine."""
        self._connection.close()

    def _exactly(self, length: int, deadline: float | None) -> bytes:
        parts: list[bytes] = []
        while length:
            try:
                # Zero would mean not to wait at all.
                left = None if deadline is None else max(deadline - time.monotonic(), 0.001)
                self._connection.settimeout(left)
                part = self._connection.recv(min(length, 1 << 20))
            except TimeoutError:
                raise
            except OSError as error:
                raise DisconnectedError(f"the other end is gone: {error}") from error
            if not part:
                raise DisconnectedError("the other end is gone")
            parts.append(part)
            length -= len(part)
        return b"".join(parts)


def settled(frame: Frame) -> tuple[Any, Exception | None]:
    """Return the value that an answer has, or the error in its place."""
    try:
        found = pickle.loads(frame.body)
    except Exception as error:  # noqa: BLE001  # whatever it is, the asker is to be told
        return None, RecursorError(f"the runner's answer cannot be read: {in_one_line(error)}")
    if frame.kind == Kind.ANSWER:
        return found, None
    return None, found if isinstance(found, Exception) else ActorDeadError(str(found))
