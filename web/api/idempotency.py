"""Ids derived from idempotency keys: repeating a request creates nothing new, even after a restart.

A key is part of the created record's id, with a fingerprint of the request, so nothing else has to be stored.
A stack's id has no order and consists only of these two. Other ids begin with their creation time, so a key's
record is searched among those at most a day old.

The names and the rules are those of the IETF's draft-ietf-httpapi-idempotency-key-header.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from hashlib import sha256
from typing import Annotated, Any
from weakref import WeakValueDictionary

from fastapi import Depends, Header, Request

from recursor.domain.errors import InvalidInputError
from recursor.domain.ids import earliest_id, new_id, new_stack_id
from recursor.storage.store import Reader, prefix_range
from recursor.storage.table import Table
from recursor.storage.tables import STACKS
from recursor.web.api.bodies import Body, NewMessage, NewStack, NewTodo, NewUserMessage
from recursor.web.engine import TheEngine

Creating = NewTodo | NewUserMessage | NewMessage

KEPT_SECONDS = 86_400.0
"""The least time for which a key is known; for a stack, its lifetime."""

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[ -~]*$",
        max_length=200,
        description=(
            "Any printable text. Repeating a request with the same key creates nothing and is answered like "
            "the first, for at least a day; with another body it is refused. "
            "Ignored if the body has an `id`, which has the same effect."
        ),
    ),
]

# Of the 16 hex digits of a stack's id, those for the key; the others are for the request.
_KEY_IN_STACK = 12


class KeyLocks:
    """Allows one request at a time with the same key, so that a second one finds the first one's record."""

    def __init__(self) -> None:
        """Start without keys in use."""
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def holding(self, key: str) -> AsyncIterator[None]:
        """Hold `key` during the block; an empty key is not held."""
        if not key:
            yield
            return
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        async with lock:
            yield


def stack_id_for(reader: Reader, key: str, body: Body) -> str:
    """Return the id of the stack created, or to be created, with `key`.

    Raises:
        InvalidInputError: the key was used for another request.
    """
    if not key:
        return new_stack_id()
    start = _digest("stack", key)[:_KEY_IN_STACK]
    wanted = start + _fingerprint(body)[: 16 - _KEY_IN_STACK]
    for found, _ in reader.scan(STACKS.name, *prefix_range(start.encode())):
        if found.decode() != wanted:
            raise _used(key)
    return wanted


def record_id_for(
    reader: Reader, table: Table[Any], owner: str, key: str, body: Body, now: float, scope: str = ""
) -> str:
    """Return the id of the record created in the last day, or to be created, with `key`.

    Args:
        reader: the state of the store to read.
        table: its table.
        owner: its owner.
        key: the key.
        body: the request's body.
        now: seconds since the epoch, UTC.
        scope: the creator, if several create records of the same owner.

    Raises:
        InvalidInputError: the key was used for another request.
    """
    made = new_id()
    if not key:
        return made
    mark, fingerprint = _digest(table.name, owner, scope, key)[:12], _fingerprint(body)[:6]
    for found in table.keys_after(reader, owner, earliest_id(now - KEPT_SECONDS)):
        if len(found) == 32 and found[17:29] == mark:
            if found[13:16] + found[29:] != fingerprint:
                raise _used(key)
            return found
    # Still a UUIDv7 (RFC 9562, section 5.7): 48 bits of time, and the digests' bits in place of random ones.
    return f"{made[:13]}{fingerprint[:3]}{made[16]}{mark}{fingerprint[3:]}"


def _digest(*parts: str) -> str:
    return sha256("\x00".join(parts).encode()).hexdigest()


def _fingerprint(body: Body) -> str:
    fields: Mapping[str, Any] = body.model_dump(mode="json", exclude={"id"})
    return _digest(json.dumps(fields, sort_keys=True))


def _used(key: str) -> InvalidInputError:
    return InvalidInputError(
        f"Idempotency-Key: {key[:60]!r} was used for another request: use a new key for each"
    )


class Creation:
    """A creating request with its key: FastAPI makes one for each operation that declares it."""

    def __init__(self, request: Request, engine: TheEngine, idempotency_key: IdempotencyKey = "") -> None:
        """Take the request, and its key, if any."""
        locks = request.app.state.key_locks
        assert isinstance(locks, KeyLocks)
        self._locks = locks
        self._engine = engine
        self._key = idempotency_key

    def stack(self, body: NewStack) -> AbstractAsyncContextManager[str]:
        """Yield the id of the new stack. See `record`."""
        return self._id("stack", body.id, lambda reader: stack_id_for(reader, self._key, body))

    def record(
        self, table: Table[Any], owner: str, body: Creating, now: float, scope: str = ""
    ) -> AbstractAsyncContextManager[str]:
        """Yield the id of the new record; until the block ends, no other request can use the same key.

        Args:
            table: its table.
            owner: its owner.
            body: the request's body; its own id takes precedence over the key.
            now: seconds since the epoch, UTC.
            scope: the creator, if several create records of the same owner.

        Raises:
            InvalidInputError: the key was used for another request.
        """
        name = f"{table.name}/{scope}/{owner}"
        return self._id(
            name, body.id, lambda reader: record_id_for(reader, table, owner, self._key, body, now, scope)
        )

    @asynccontextmanager
    async def _id(self, name: str, given: str | None, find: Callable[[Reader], str]) -> AsyncIterator[str]:
        if given is not None:
            yield given
            return
        async with self._locks.holding(f"{name}/{self._key}" if self._key else ""):
            with self._engine.read() as reader:
                found = find(reader)
            yield found


ByKey = Annotated[Creation, Depends()]
