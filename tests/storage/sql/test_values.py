"""Values of all types of SQL, as a result has them."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from recursor.domain.errors import InvalidInputError
from recursor.domain.process_settings import SqlSettings
from recursor.storage.memory_store import MemoryStore
from recursor.storage.sql.result import SqlResult
from recursor.storage.sql.sandbox import answer


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("42", 42),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775807 + 1::HUGEINT", "9223372036854775808"),
        ("1.50", 1.5),
        ("'-123456.5'::DECIMAL(38,12)", -123456.5),
        ("12345678901234567890.123::DECIMAL(38,3)", "12345678901234567890.123"),
        ("'nan'::DOUBLE", None),
        ("'infinity'::DOUBLE", None),
        ("TIMESTAMPTZ '2024-02-29 12:00:00+02'", "2024-02-29T10:00:00Z"),
        ("TIMESTAMP '2024-02-29 12:00:00.25'", "2024-02-29T12:00:00.250000"),
        ("DATE '2024-02-29'", "2024-02-29"),
        ("TIME '12:30:00'", "12:30:00"),
        ("INTERVAL 90 MINUTE", 5400.0),
        ("INTERVAL '-1' DAY", -86_400.0),
        ("'\\x00\\xFF'::BLOB", "00ff"),
        ("'00000000-0000-0000-0000-00000000000a'::UUID", "00000000-0000-0000-0000-00000000000a"),
        ("[1, NULL, 3]", [1, None, 3]),
        ("{'a': {'b': DATE '2024-02-29'}}", {"a": {"b": "2024-02-29"}}),
        ("MAP {1: 'x'}", {"1": "x"}),
        ("'{\"a\": [1, 2.50]}'::JSON", {"a": [1, 2.5]}),
        ("'null'::JSON", None),
        # JSON to DuckDB, but to nobody else.
        ("'NaN'::JSON", "NaN"),
        ("'[1,]'::JSON", "[1,]"),
        ("('" + "[" * 300 + "]" * 300 + "')::JSON", "[" * 300 + "]" * 300),
        # Times that no calendar but DuckDB's has.
        ("'290000-01-01'::TIMESTAMP", "290000-01-01 00:00:00"),
    ],
)
def test_a_value_is_shown_as_it_is(sql: str, shown: object, rows: Callable[..., Any]) -> None:
    assert rows(f"SELECT {sql}") == [[shown]]


@pytest.mark.parametrize("sql", ["[" * 300 + "1" + "]" * 300, "INTERVAL 100000000 YEAR"])
def test_a_value_that_cannot_be_shown_is_told(sql: str, ask: Callable[..., Any]) -> None:
    with pytest.raises(
        InvalidInputError, match=r"^query: a value cannot be shown \(.+\): cast it to VARCHAR$"
    ):
        ask(f"SELECT {sql}")
    assert len(ask(f"SELECT ({sql})::VARCHAR")["rows"]) == 1


def test_every_type_there_is_can_be_shown_and_read(store: MemoryStore) -> None:
    found = answer(store.read, "SELECT * FROM test_all_types()", SqlSettings())
    json.loads(found, parse_constant=_refuse)
    result = SqlResult.parse(found)
    assert len(result.rows) == 3
    assert all(len(row) == len(result.columns) for row in result.rows)
    assert not any(isinstance(value, float) and math.isnan(value) for row in result.rows for value in row)


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")
