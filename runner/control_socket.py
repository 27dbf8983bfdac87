"""The Unix socket in the data directory by which commands reach a runner; only for its user."""

import contextlib
import hashlib
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recursor.storage.errors import StorageError

# Its place in the data directory: a directory of its own, because not every system respects a socket's mode.
_PLACE = Path("control") / "runner.sock"

# Bytes of a path that every system accepts: macOS has room for 103 and a zero, Linux for 107 (unix(7)).
LONGEST_PATH = 103
_BACKLOG = 128


class ControlSocketError(StorageError):
    """The socket cannot be created or connected to."""


@contextmanager
def control_listener(data: Path) -> Iterator[tuple[socket.socket, str]]:
    """Yield a listening socket, and its location for the lock file; the socket is removed at the end.

    An existing socket is left over from a killed runner: the caller holds the directory.

    Args:
        data: the data directory.

    Raises:
        ControlSocketError: no possible place was found.
    """
    listener, path = _listen(data)
    try:
        yield listener, str(_PLACE if path == data / _PLACE else path)
    finally:
        listener.close()
        with contextlib.suppress(OSError):
            path.unlink()


def open_socket_path(data: Path, place: str, seconds: float) -> str:
    """Return the path of a runner's socket after checking that this user can connect.

    Args:
        data: the data directory.
        place: the location in its lock file.
        seconds: the most seconds to wait.

    Raises:
        ControlSocketError: no process listens there, or this user may not connect.
    """
    path = _shortest(data / place)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        try:
            connection.connect(path)
        except OSError as error:
            raise ControlSocketError(f"{path}: {error.strerror or error}") from error
    return path


def _listen(data: Path) -> tuple[socket.socket, Path]:
    problems = []
    for find in (_in_data, _elsewhere):
        try:
            path = find(data)
            return _bind(path), path
        except (OSError, ControlSocketError) as error:
            problems.append(str(error))
    raise ControlSocketError(f"{data}: commands can't be taken: {'; '.join(problems)}")


def _in_data(data: Path) -> Path:
    path = data / _PLACE
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.parent.chmod(0o700)
    return path


def _elsewhere(data: Path) -> Path:
    """Return a short path, for a data directory whose path is too long or whose file system has no
    sockets."""
    name = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:16] + ".sock"
    places = (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp")  # made private
    problem = "no directory for it is short enough"
    for place in filter(None, places):
        path = Path(place) / f"recursor-{os.geteuid()}" / name
        if len(os.fsencode(path)) > LONGEST_PATH:
            continue
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            found = path.parent.lstat()
        except OSError as error:
            problem = f"{path.parent}: {error.strerror}"
            continue
        # Another user may have created it first.
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077:
            return path
        problem = f"{path.parent}: is another user's, or open to others: remove it"
    raise ControlSocketError(problem)


def _bind(path: Path) -> socket.socket:
    place = _shortest(path)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(place)
        path.chmod(0o600)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _shortest(path: Path) -> str:
    """Return the full path, or the relative one if only that is short enough.

    Raises:
        ControlSocketError: both are too long for a socket.
    """
    for form in (os.path.abspath, os.path.relpath):
        found = form(path)
        if len(os.fsencode(found)) <= LONGEST_PATH:
            return found
    raise ControlSocketError(f"{str(path)[:60]}…: a path too long for a socket: use a shorter one")
