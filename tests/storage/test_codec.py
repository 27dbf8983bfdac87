"""Records to bytes and back, and what becomes of bytes that are no records."""

from contextlib import suppress
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recursor.domain.core_record import AnyRecord
from recursor.domain.effect import Outcome
from recursor.domain.errors import InvalidInputError
from recursor.domain.graph import Usage
from recursor.domain.record import Record
from recursor.storage.codec import decode, encode, pack, unpack
from recursor.storage.errors import CorruptRecordError
from recursor.storage.tables import RECORD_TABLES
from tests.making import make_todo
from tests.strategies import records

some = settings(max_examples=30, deadline=None)
STORED = [*(table.kind for table in RECORD_TABLES), Outcome]


def read(kind: type[AnyRecord], value: bytes, **options: Any) -> Any:
    return decode(kind, value, "todos", b"5eed/0/abc", **options)


@pytest.mark.parametrize("kind", STORED, ids=lambda kind: kind.__name__)
class TestEveryKind:
    @some
    @given(data=st.data())
    def test_comes_back_as_it_was(self, kind: type[AnyRecord], data: st.DataObject) -> None:
        record = data.draw(records(kind))
        found = read(kind, encode(record))
        assert found == record
        assert found.model_dump_json() == record.model_dump_json()
        assert encode(found) == encode(record)

    @some
    @given(data=st.data())
    def test_is_stored_as_pydantic_dumps_it(self, kind: type[AnyRecord], data: st.DataObject) -> None:
        record = data.draw(records(kind))
        assert encode(record) == pack([kind.version, record.model_dump()])

    @some
    @given(data=st.data())
    def test_is_what_it_was_or_corrupt_when_bytes_change(
        self, kind: type[AnyRecord], data: st.DataObject
    ) -> None:
        value = bytearray(encode(data.draw(records(kind))))
        for _ in range(data.draw(st.integers(1, 3))):
            value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
        damaged = bytes(value[: data.draw(st.integers(0, len(value)))])
        with suppress(CorruptRecordError):
            assert isinstance(read(kind, damaged), kind)


@given(st.binary(max_size=60))
def test_no_bytes_at_all_end_in_another_error(value: bytes) -> None:
    with pytest.raises(
        CorruptRecordError, match=r"^todos 5eed/0/abc: is not a readable Todo \(|^todos .* version"
    ):
        read(type(make_todo()), value)


@pytest.mark.parametrize(
    "content",
    [
        None,
        5,
        "ab",
        [],
        [1],
        [1, {}],
        [1, []],
        [1, {"id": 1}],
        [1, {}, 3],
        {"a": 1, "b": 2},
        ["one", {}],
        [None, {}],
        [1, {1: 2}],
    ],
)
def test_well_formed_nonsense_is_corrupt(content: Any) -> None:
    with pytest.raises(CorruptRecordError, match=r"^todos 5eed/0/abc: is "):
        read(type(make_todo()), pack(content))


def test_bytes_that_are_no_record_are_told_in_words() -> None:
    with pytest.raises(CorruptRecordError) as caught:
        read(type(make_todo()), b"\xc1")
    assert str(caught.value) == (
        "todos 5eed/0/abc: is not a readable Todo (ValueError: not MessagePack): "
        "restore it from a backup, or see `recursor doctor`"
    )


def test_the_error_names_table_key_field_and_remedy() -> None:
    fields = make_todo().model_dump()
    with pytest.raises(CorruptRecordError) as caught:
        read(type(make_todo()), pack([1, {**fields, "priority": 9, "status": "pending"}]))
    assert str(caught.value) == (
        "todos 5eed/0/abc: is not a readable Todo (Todo: priority: input should be less than or equal to 5 "
        "(got 9)): restore it from a backup, or see `recursor doctor`"
    )


class Flower(Record):
    version: ClassVar[int] = 3
    name: str
    colour: str = "red"


def grow(version: int, fields: dict[str, Any]) -> dict[str, Any]:
    if version == 1:
        fields = {"name": fields["title"]}
    return {**fields, "colour": f"as in version {version}"}


class TestVersions:
    def test_of_a_newer_recursor_are_refused(self) -> None:
        newer = pack([4, {"name": "rose", "scent": "sweet"}])
        for upgrade in (None, grow):
            with pytest.raises(CorruptRecordError) as caught:
                read(Flower, newer, upgrade=upgrade)
            assert str(caught.value) == (
                "todos 5eed/0/abc: is a Flower of version 4, this Recursor knows 3: "
                "use the Recursor that wrote it, or a newer one"
            )

    def test_of_an_older_one_are_brought_up_to_date(self) -> None:
        assert read(Flower, pack([2, {"name": "rose"}]), upgrade=grow).colour == "as in version 2"
        assert read(Flower, pack([1, {"title": "rose"}]), upgrade=grow).name == "rose"

    def test_of_an_older_one_that_are_damaged_are_corrupt(self) -> None:
        with pytest.raises(CorruptRecordError, match="is not a readable Flower"):
            read(Flower, pack([1, {"no title": 1}]), upgrade=grow)

    def test_without_a_way_to_bring_them_up_to_date_are_refused(self) -> None:
        with pytest.raises(CorruptRecordError, match="version 2, this Recursor knows 3"):
            read(Flower, pack([2, {"name": "rose"}]))


class TestWhatCannotBeStored:
    @pytest.mark.parametrize(
        ("metadata", "why"),
        [
            ({"n": 2**64}, "an integer has more than 64 bits"),
            ({"n": [-(2**63) - 1]}, "an integer has more than 64 bits"),
            ({"half": "\ud800"}, "surrogates not allowed"),
            ({"\udfff": 1}, "surrogates not allowed"),
        ],
    )
    def test_is_bad_input(self, metadata: Any, why: str) -> None:
        with pytest.raises(InvalidInputError, match=why) as caught:
            encode(make_todo(metadata=metadata))
        assert str(caught.value).startswith("Todo: cannot be stored: ")
        assert len(str(caught.value).splitlines()) == 1

    def test_leaves_the_largest_numbers_in(self) -> None:
        todo = make_todo(metadata={"most": 2**64 - 1, "least": -(2**63)})
        assert read(type(todo), encode(todo)) == todo


def test_money_keeps_every_digit() -> None:
    usage = Usage(cost=Decimal("0.10000000000000000001"))
    assert str(read(Usage, encode(usage)).cost) == "0.10000000000000000001"


def test_what_a_run_cost_can_be_read_as_it_was_written_before_it_had_models() -> None:
    usage = Usage(model="openai:a", input_tokens=3, cost=Decimal(1))
    fields = usage.model_dump()
    del fields["models"]
    assert read(Usage, pack([Usage.version, fields])) == usage
    assert usage.by_model == (usage,)


def test_plain_data_comes_back_with_lists_for_tuples() -> None:
    assert unpack(pack((1, "é", (2.5, None), {"a": (True,)}))) == [1, "é", [2.5, None], {"a": [True]}]
