"""The messages between Recursor and a coding agent: JSON, a line each, within limits.

An agent is a program that nobody has checked. It may say anything, say it for ever, or not listen. What is
held of it in memory is bounded, and the first thing that is wrong ends the conversation with one line.
"""

import asyncio
import contextlib
from typing import Any

from pydantic_core import from_json, to_json

from recursor.domain.errors import RecursorError

Message = dict[str, Any]
"""A message of JSON-RPC."""

# Requests of the agent that are answered at once: each may carry a file.
_MOST_UNANSWERED = 4

# An hour of a fast model's answer has a third of it, if each word is a message.
_MOST_MESSAGES = 1_000_000

# Some agents write a warning or two to their standard output.
_MOST_NONSENSE = 100

PATIENCE = 30.0
"""Seconds in which an agent must read what it is sent."""

_SHOWN = 200


class AcpError(RecursorError):
    """A coding agent does not do what the Agent Client Protocol asks of it."""


class AcpWire:
    """A transport for `acp.connection.Connection` that reads no faster than what it read is dealt with."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak with a program.

        Args:
            reader: its standard output. Its limit is that of a message.
            writer: its standard input.
        """
        self._reader, self._writer = reader, writer
        self._unanswered = asyncio.Semaphore(_MOST_UNANSWERED)
        self._messages = self._nonsense = 0
        self._first_nonsense = ""
        self.failure: AcpError | None = None
        """What ended the conversation, if it was not the agent's end."""

    def fail(self, problem: str) -> None:
        """End the conversation: nothing more is read, and what waits for an answer gets none.

        Args:
            problem: what the agent did, in one line.
        """
        if self.failure is None:
            self.failure = AcpError(problem)
            self._reader.set_exception(self.failure)

    async def receive(self) -> Message | None:
        """Return the next message of the agent, or None at its end."""
        while True:
            # Lets what was received before be dealt with.
            await asyncio.sleep(0)
            try:
                line = await self._reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as error:
                self.fail(f"it sent a message of more than {error.consumed:,} bytes")
                return None
            except (asyncio.IncompleteReadError, ConnectionError, AcpError):
                return None
            self._messages += 1
            if self._messages > _MOST_MESSAGES:
                self.fail(f"it sent more than {_MOST_MESSAGES:,} messages")
                return None
            message = _message(line)
            if message is None:
                if not self._tolerates(line):
                    return None
                continue
            if "method" in message and "id" in message:
                await self._unanswered.acquire()
            return message

    async def send(self, message: Message) -> None:
        """Send a message.

        Raises:
            ConnectionError: a request cannot be sent: the agent has ended, or does not listen.
        """
        try:
            await self._write(message)
        finally:
            if "method" not in message:
                self._unanswered.release()
        if self.failure is not None and "method" in message:
            raise ConnectionError("the conversation has ended")

    async def close(self) -> None:
        """Send nothing more."""
        self._writer.close()

    def send_at_once(self, message: Message) -> None:
        """Send a small message without waiting for the agent to read it, if it still listens."""
        if not self._writer.is_closing():
            self._writer.write(to_json(message) + b"\n")

    async def _write(self, message: Message) -> None:
        if self.failure is not None or self._writer.is_closing():
            return
        # The agent's end is seen where its messages are read.
        with contextlib.suppress(ConnectionError):
            try:
                self._writer.write(to_json(message) + b"\n")
                async with asyncio.timeout(PATIENCE):
                    await self._writer.drain()
            except TimeoutError:
                self.fail(f"it has not read what it was sent for {PATIENCE:g} s")

    def _tolerates(self, line: bytes) -> bool:
        self._nonsense += bool(line.strip())
        if not self._first_nonsense:
            self._first_nonsense = " ".join(line.decode(errors="replace").split())[:_SHOWN]
        if self._nonsense > _MOST_NONSENSE:
            self.fail(
                f"it printed more than {_MOST_NONSENSE} lines that are no messages of the protocol, first: "
                f"{self._first_nonsense}"
            )
            return False
        return True


def _message(line: bytes) -> Message | None:
    """Return a message, or None if the line is none."""
    try:
        message = from_json(line)
    except ValueError:
        return None
    if not isinstance(message, dict):
        return None
    named = isinstance(message.get("id"), int | str)
    if "method" in message:
        return message if isinstance(message["method"], str) and (named or "id" not in message) else None
    error = message.get("error")
    well_formed = error is None or (
        isinstance(error, dict)
        and isinstance(error.get("code", 0), int)
        and isinstance(error.get("message", ""), str)
    )
    return message if named and well_formed else None
