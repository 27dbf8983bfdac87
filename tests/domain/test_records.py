"""What holds for every record: frozen, closed, complete, with times that people and programs can read."""

import importlib
import json
import pickle
import pkgutil
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields
from pydantic import TypeAdapter, ValidationError

import recursor.domain
from recursor.domain.core_record import AnyRecord, CoreRecord, record_fields
from recursor.domain.effect import CreateTodo
from recursor.domain.graph import Node
from recursor.domain.message import UserMessage
from recursor.domain.record import Record, iso
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo
from tests.making import NOW, STACK, make_stack, make_todo, make_user_message
from tests.strategies import make_record

for module in pkgutil.iter_modules(recursor.domain.__path__):
    importlib.import_module(f"recursor.domain.{module.name}")


def all_kinds(kind: type[AnyRecord]) -> list[type[AnyRecord]]:
    return [each for sub in kind.__subclasses__() for each in (sub, *all_kinds(sub))]


# Other rooms have records too, which are nobody's vocabulary.
KINDS = sorted(
    {
        kind
        for kind in all_kinds(Record) + all_kinds(CoreRecord)
        if kind.__module__.startswith("recursor.domain.")
    },
    key=lambda kind: kind.__name__,
)
CORE_KINDS = [kind for kind in KINDS if issubclass(kind, CoreRecord)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
class TestEveryRecord:
    def test_cannot_be_changed(self, kind: type[AnyRecord]) -> None:
        record = make_record(kind, Random(1))
        for name in record_fields(record):
            with pytest.raises((ValidationError, AttributeError), match=r"frozen|immutable"):
                setattr(record, name, getattr(record, name))

    def test_refuses_what_it_does_not_know(self, kind: type[AnyRecord]) -> None:
        fields = make_record(kind, Random(1)).model_dump()
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            kind.model_validate({**fields, "surprise": 1})

    @pytest.mark.parametrize("seed", range(5))
    def test_becomes_json_and_keeps_its_fields(self, kind: type[AnyRecord], seed: int) -> None:
        record = make_record(kind, Random(seed))
        assert set(json.loads(record.model_dump_json())) == set(record_fields(record))


class TestTimes:
    def test_are_rfc_3339_in_json_and_seconds_in_python(self) -> None:
        stack = make_stack(created_at=1_700_000_000.25)
        assert json.loads(stack.model_dump_json())["created_at"] == "2023-11-14T22:13:20.250000Z"
        assert stack.model_dump(mode="json")["created_at"] == "2023-11-14T22:13:20.250000Z"
        assert stack.model_dump()["created_at"] == 1_700_000_000.25

    def test_that_are_not_there_are_null(self) -> None:
        assert json.loads(make_stack().model_dump_json())["paused_at"] is None

    @given(st.floats(min_value=-1e10, max_value=2e11))
    def test_read_back_as_the_same_moment(self, moment: float) -> None:
        text = iso(moment)
        assert text.endswith("Z")
        read = datetime.fromisoformat(text)
        assert abs(read - (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment))) < timedelta(
            milliseconds=1
        )

    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_of_any_size_can_be_shown(self, moment: float) -> None:
        datetime.fromisoformat(iso(moment))

    @given(st.floats(min_value=0, max_value=4e9), st.floats(min_value=0, max_value=4e9))
    def test_sort_as_text_as_they_do_as_numbers(self, one: float, other: float) -> None:
        if one <= other:
            assert iso(one) <= iso(other)

    @pytest.mark.parametrize("wrong", [float("inf"), float("-inf"), float("nan"), "yesterday"])
    def test_are_numbers(self, wrong: Any) -> None:
        with pytest.raises(ValidationError):
            make_stack(next_look_at=wrong)


class TestTexts:
    @pytest.mark.parametrize(
        "name", ["a", "x" * 200, "Gärten & Höfe", "庭園", "🌱" * 200, "a\tb", "  padded  "]
    )
    def test_a_name_is_one_line_of_up_to_200_characters(self, name: str) -> None:
        assert make_stack(name=name).name == name.strip()

    @pytest.mark.parametrize(
        "name",
        ["", "   ", "x" * 201, "two\nlines", "two\rlines", "two\u2028lines", "two\x85lines", "nul\x00"],
    )
    def test_anything_else_is_no_name(self, name: str) -> None:
        with pytest.raises(ValidationError):
            make_stack(name=name)

    def test_a_name_cannot_steer_a_terminal(self) -> None:
        with pytest.raises(ValidationError):
            make_user_message(sender="\x1b[2Jroot")

    @given(st.text(max_size=30))
    def test_every_name_that_is_accepted_is_one_line(self, name: str) -> None:
        try:
            stack = make_stack(name=name)
        except ValidationError:
            return
        assert len(stack.name.splitlines()) == 1

    @pytest.mark.parametrize(
        ("longest", "make"),
        [
            (20_000, lambda text: make_user_message(content=text)),
            (2_000, lambda text: make_todo(content=text)),
            (2_000, lambda text: CreateTodo(content=text)),
        ],
        ids=["message", "todo", "new todo"],
    )
    def test_contents_have_a_length(self, longest: int, make: Any) -> None:
        assert make("é" * longest).content == "é" * longest
        assert make(" a\nb ").content == "a\nb"
        for wrong in ("", " \n ", "x" * (longest + 1), "nul\x00", "half of a \ud800 pair"):
            with pytest.raises(ValidationError):
                make(wrong)

    @pytest.mark.parametrize("priority", [0, 6, -1, 2.5, "urgent", None])
    def test_a_priority_is_1_to_5(self, priority: Any) -> None:
        with pytest.raises(ValidationError):
            make_todo(priority=priority)


def test_a_record_says_what_it_is_without_its_defaults() -> None:
    assert UserMessage(id="1", stack_id=STACK, sender="Ada", content="hi", created_at=NOW).planned_at is None
    assert Stack(id=STACK, name="n", created_at=NOW).total_cycles == 0
    assert Todo.model_validate(make_todo().model_dump()) == make_todo()


@pytest.mark.parametrize("kind", CORE_KINDS, ids=lambda kind: kind.__name__)
class TestCoreRecords:
    """They are described, checked, written and read as their pydantic model is."""

    def test_have_the_schema_of_a_model(self, kind: type[CoreRecord]) -> None:
        schema = TypeAdapter(kind).json_schema(mode="serialization")
        properties = {"$ref": "", **schema}["properties"]
        assert list(properties) == list(schema["required"]) == [field.name for field in fields(kind)]
        assert schema["title"] == kind.__name__
        assert schema["description"] == kind.__doc__

    def test_come_back_from_json_and_from_plain_data(self, kind: type[CoreRecord]) -> None:
        record = make_record(kind, Random(3))
        assert kind.model_validate(record.model_dump()) == record
        read = kind.model_validate_json(record.model_dump_json())
        assert read.model_dump_json() == record.model_dump_json()

    def test_survive_being_sent_to_another_process(self, kind: type[CoreRecord]) -> None:
        record = make_record(kind, Random(4))
        assert pickle.loads(pickle.dumps(record)) == record


def test_the_docstring_of_an_attribute_is_its_description() -> None:
    properties = TypeAdapter(Stack).json_schema()["properties"]
    assert (
        properties["broadcasts_read"]["description"] == "Id of the newest broadcast that this stack has read."
    )
    assert properties["created_at"]["description"] == "A time, UTC"


def test_a_core_record_is_checked_where_it_comes_from_outside() -> None:
    with pytest.raises(ValidationError, match="less than or equal to 10"):
        Node.model_validate({"role": "planner", "priority": 11, "reason": "", "wave": 0})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_changed_copy_differs_in_what_was_changed(kind: type[AnyRecord]) -> None:
    one, other = make_record(kind, Random(1)), make_record(kind, Random(2))
    before = one.model_dump()
    for name, value in record_fields(other).items():
        changed = one.but(**{name: value})
        expected = kind.model_validate({**before, name: value})
        assert changed == expected
        assert changed.model_dump_json() == expected.model_dump_json()
    assert one.model_dump() == before
