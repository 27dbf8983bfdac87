"""What agents thought and did is found by role and text, newest first, page by page."""

from typing import Any

import pytest

from recursor.domain.errors import InvalidInputError, NotFoundError
from recursor.domain.trace import Trace
from recursor.storage import trace_search
from recursor.storage.errors import CorruptRecordError
from recursor.storage.store import Store
from recursor.storage.tables import TRACES
from recursor.storage.trace_search import search_traces
from tests.making import NOW, STACK, make_stack
from tests.storage.writing import damage, put

OTHER = "5eed000000000002"


def identity(number: int) -> str:
    return f"{number:032x}"


@pytest.fixture
def traced(database: Store) -> Store:
    """Nine runs, of the planner and the builder in turn, and one of another stack."""

    traces = [
        Trace(
            id=identity(number),
            stack_id=OTHER if number == 10 else STACK,
            execution_id="e",
            role="planner" if number % 2 else "builder",
            created_at=NOW + number,
            summary=f"Step {number}",
            thoughts=("wrote the Größe of it",) if number in (2, 7) else (),
            effects=("add_todo",) if number == 3 else (),
            metadata={"hidden": "step"},
        )
        for number in range(1, 11)
    ]
    put(database, make_stack(), *traces)
    return database


def numbers(store: Store, **options: Any) -> list[int]:
    with store.read() as reader:
        return [int(trace.id, 16) for trace in search_traces(reader, STACK, **options).traces]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, [9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ({"limit": 2}, [9, 8]),
        ({"role": "builder"}, [8, 6, 4, 2]),
        ({"role": "reviewer"}, []),
        ({"text": "GRÖSSE"}, [7, 2]),
        ({"text": "step 4"}, [4]),
        ({"text": "add_todo"}, [3]),
        ({"text": "größe", "role": "planner"}, [7]),
        ({"text": "hidden"}, []),
        ({"before": identity(3)}, [2, 1]),
        ({"after": identity(7)}, [9, 8]),
        ({"before": identity(6), "after": identity(3)}, [5, 4]),
        ({"before": identity(3), "after": identity(6)}, []),
        ({"before": ""}, []),
        ({"before": "zz" * 500}, [9, 8, 7, 6, 5, 4, 3, 2, 1]),
    ],
)
def test_finds_what_is_asked_for(traced: Store, options: dict[str, Any], found: list[int]) -> None:
    assert numbers(traced, **options) == found


@pytest.mark.parametrize("looked_through", [2000, 2])
def test_pages_follow_each_other_without_a_gap_also_when_little_is_found(
    traced: Store, looked_through: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_search, "LOOKED_THROUGH", looked_through)
    for role, wanted in ((None, list(range(9, 0, -1))), ("builder", [8, 6, 4, 2])):
        found, before = [], None
        while True:
            with traced.read() as reader:
                page = search_traces(reader, STACK, role=role, limit=3, before=before)
            found += [int(trace.id, 16) for trace in page.traces]
            if page.before is None:
                break
            before = page.before
        assert found == wanted


def test_refuses_what_it_cannot_answer(traced: Store) -> None:
    with traced.read() as reader:
        for limit in (0, 1001):
            with pytest.raises(InvalidInputError, match=r"^limit: must be 1 to 1000"):
                search_traces(reader, STACK, limit=limit)
        with pytest.raises(NotFoundError):
            search_traces(reader, "lost")


@pytest.mark.parametrize("options", [{}, {"role": "builder"}, {"text": "step"}])
def test_names_a_trace_that_cannot_be_read(traced: Store, options: dict[str, Any]) -> None:
    damage(traced, TRACES.name, f"{STACK}/{identity(5)}", b"\x92\x01\xc0")
    with pytest.raises(CorruptRecordError, match=r"^agent_traces "):
        numbers(traced, **options)
