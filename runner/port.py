"""Finds a port for a runner."""

import errno
import socket
import time

from recursor.domain.errors import RecursorError
from recursor.web.access import LOOPBACK

DEFAULT_PORT = 3002
_BACKLOG = 128

# A killed runner leaves its port to its web process, which ends when it notices.
_ATTEMPTS = 20
_PAUSE_SECONDS = 0.025


class PortTakenError(RecursorError):
    """Another program listens on the port, or the address is not this machine's."""


def listen(port: int | None, host: str = LOOPBACK) -> socket.socket:
    """Return a socket that listens on an address of this machine.

    Args:
        port: the port; 0 for any free one, None for the default or, if that is taken, any free one.
        host: a name or address of this machine.

    Raises:
        PortTakenError: another program listens there, this user may not, or the address is not this
            machine's.
    """
    if port is not None:
        return _listen(host, port)
    try:
        return _listen(host, DEFAULT_PORT)
    except PortTakenError:
        return _listen(host, 0)


def _listen(host: str, port: int) -> socket.socket:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _try_to_listen(host, port)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            if taken and attempt < _ATTEMPTS:
                time.sleep(_PAUSE_SECONDS)
                continue
            if taken or error.errno == errno.EACCES:
                why = "another program listens there" if taken else "this user may not listen there"
                raise PortTakenError(
                    f"port {port}: {why}: give another one, or 0 for any free one"
                ) from error
            raise PortTakenError(
                f"--host {host}: cannot be listened on: {error.strerror}: give an address of this machine"
            ) from error
    raise AssertionError("every attempt returns or raises")


def _try_to_listen(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Two sockets may bind to a port while neither listens.
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
