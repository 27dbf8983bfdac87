"""A store with all kinds of records, and a way to ask it."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from recursor.domain.process_settings import SqlSettings
from recursor.domain.record import Record
from recursor.storage.commit import Commit
from recursor.storage.memory_store import MemoryStore
from recursor.storage.sql.sandbox import answer
from recursor.storage.tables import RECORD_TABLES, TABLES


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    with closing(MemoryStore(TABLES)) as store:
        yield store


@pytest.fixture
def put(store: MemoryStore) -> Callable[..., None]:
    def put(*records: Record) -> None:
        tables = {table.kind: table for table in RECORD_TABLES}
        commit = Commit()
        for record in records:
            tables[type(record)].put(commit, record)
        store.write(commit)

    return put


@pytest.fixture
def ask(store: MemoryStore) -> Callable[..., Any]:
    def ask(sql: str, **limits: Any) -> Any:
        return json.loads(answer(store.read, sql, SqlSettings(**limits)))

    return ask


@pytest.fixture
def rows(ask: Callable[..., Any]) -> Callable[..., Any]:
    return lambda sql: ask(sql)["rows"]
