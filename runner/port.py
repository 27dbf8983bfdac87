"""Finds the port that a runner serves on."""

import errno
import socket

from recursor.domain.errors import RecursorError

DEFAULT_PORT = 3002
HOST = "127.0.0.1"
_BACKLOG = 128


class PortTakenError(RecursorError):
    """Another program listens on the port."""


def listen(port: int | None) -> socket.socket:
    """Return a socket that listens on this machine's loopback address.

    Args:
        port: where to listen; 0 for any free port, None for the usual one or, if that is taken, any free one.

    Raises:
        PortTakenError: another program listens there, or this user may not.
    """
    if port is not None:
        return _listen(port)
    try:
        return _listen(DEFAULT_PORT)
    except PortTakenError:
        return _listen(0)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        # Two sockets may bind to a port on which neither listens yet.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        taken = error.errno == errno.EADDRINUSE
        why = "another program listens there" if taken else str(error.strerror)
        raise PortTakenError(f"port {port}: {why}: give another one, or 0 for any free one") from error
    return listener
