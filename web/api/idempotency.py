"""Ids made of idempotency keys: a repeated creation makes nothing new, also after a restart.

A key stands in the id of what it made, with a fingerprint of the request, so that nothing else has to be
kept. A stack's id has no order, and is made of the two alone. Other ids begin with the time they were made
at, so what a key made is looked for among what is at most a day old.

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
"""How long a key is known, at least; that of a stack as long as the stack."""

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[ -~]*$",
        max_length=200,
        description=(
            "Any printable text. A repeated request with the same key makes nothing new and is answered like "
            "the first, for a day at least; with another body it is refused. "
            "Not looked at when the body has an `id`, which does the same."
        ),
    ),
]

# Hex digits of a stack's id, which has 16, for the key; the others are for the request.
_KEY_IN_STACK = 12


class KeyLocks:
    """One request at a time with the same key: the second finds what the first has made."""

    def __init__(self) -> None:
        """Begin with no key in use."""
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def holding(self, key: str) -> AsyncIterator[None]:
        """Hold `key` for the length of the block; one that is empty is nobody's."""
        if not key:
            yield
            return
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        async with lock:
            yield


def stack_id_for(reader: Reader, key: str, body: Body) -> str:
    """Return the id of the stack that `key` makes, or made.

    Raises:
        InvalidInputError: the key has made another one.
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
    """Return the id of the record that `key` makes, or made in the last day.

    Args:
        reader: the state of the store to read.
        table: where it stands.
        owner: among whose records.
        key: the key.
        body: what was asked for.
        now: seconds since the epoch, UTC.
        scope: who makes it, where several make records of the same owner.

    Raises:
        InvalidInputError: the key has made another one.
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
    # A UUIDv7 still (RFC 9562, section 5.7): 48 bits of time, and for the random ones those of the digests.
    return f"{made[:13]}{fingerprint[:3]}{made[16]}{mark}{fingerprint[3:]}"


def _digest(*parts: str) -> str:
    return sha256("\x00".join(parts).encode()).hexdigest()


def _fingerprint(body: Body) -> str:
    fields: Mapping[str, Any] = body.model_dump(mode="json", exclude={"id"})
    return _digest(json.dumps(fields, sort_keys=True))


def _used(key: str) -> InvalidInputError:
    return InvalidInputError(
        f"Idempotency-Key: {key[:60]!r} was used for another request: make a new key for each"
    )


class Creation:
    """A request that makes something, with its key: FastAPI makes one for each operation that asks for it."""

    def __init__(self, request: Request, engine: TheEngine, idempotency_key: IdempotencyKey = "") -> None:
        """Take over the request, and the key that it came with, if any."""
        locks = request.app.state.key_locks
        assert isinstance(locks, KeyLocks)
        self._locks = locks
        self._engine = engine
        self._key = idempotency_key

    def stack(self, body: NewStack) -> AbstractAsyncContextManager[str]:
        """Yield the id of the stack to be made. See `record`."""
        return self._id("stack", body.id, lambda reader: stack_id_for(reader, self._key, body))

    def record(
        self, table: Table[Any], owner: str, body: Creating, now: float, scope: str = ""
    ) -> AbstractAsyncContextManager[str]:
        """Yield the id of the record to be made; until the block ends no other request has the same key.

        Args:
            table: where it will stand.
            owner: among whose records.
            body: what was asked for; the id that it has comes before the key.
            now: seconds since the epoch, UTC.
            scope: who makes it, where several make records of the same owner.

        Raises:
            InvalidInputError: the key has made another one.
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
