"""What connects the runner's process with one that runs agents: pickled messages over a socket."""

import asyncio
import pickle
import socket
from typing import Any, Self

# Bytes that say how long a message is.
_HEAD = 8


class Link:
    """One end, for the event loop that it was made on."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Use streams; see `over`."""
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, connected: socket.socket) -> Self:
        """Return an end that uses a connected socket, and closes it."""
        return cls(*await asyncio.open_connection(sock=connected))

    def send(self, message: object) -> None:
        """Send a message. It never waits: of an end that does not read, the messages are kept."""
        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        if not self._writer.is_closing():
            self._writer.writelines([len(data).to_bytes(_HEAD), data])

    async def receive(self) -> Any:
        """Return the next message.

        Raises:
            EOFError: the other end is gone, or this one is closed.
        """
        try:
            head = await self._reader.readexactly(_HEAD)
            data = await self._reader.readexactly(int.from_bytes(head))
        except (asyncio.IncompleteReadError, OSError):
            raise EOFError from None
        # Both ends are ours and of one version.
        return pickle.loads(data)

    def close(self) -> None:
        """Close it at once; what was not sent yet is dropped."""
        self._writer.transport.abort()
