"""A collection of records: sorted by id however they come, and never changed."""

from hypothesis import given
from hypothesis import strategies as st

from recursor.orchestration.collection import Collection

IDS = st.lists(st.text("abc", min_size=1, max_size=3), max_size=8)


@given(first=IDS, then=IDS, gone=IDS)
def test_is_in_the_order_of_its_ids_and_leaves_earlier_ones_as_they_were(
    first: list[str], then: list[str], gone: list[str]
) -> None:
    collection: Collection[str] = Collection.of(first, str)
    model = set(first)
    for step in [(each, True) for each in then] + [(each, False) for each in gone]:
        before, items = collection, collection.items
        key, adds = step
        collection = collection.adding(key, key) if adds else collection.without(key)
        model = model | {key} if adds else model - {key}
        assert (before.items, len(before)) == (items, len(items))
        assert collection.items == tuple(collection) == tuple(sorted(model))
        assert (len(collection), key in collection) == (len(model), adds)
        assert collection.get(key) == (key if adds else None)
    assert collection == Collection.of(model, str)
    assert hash(collection) == hash(Collection.of(model, str))


def test_a_record_that_changes_stays_where_it_is() -> None:
    collection = Collection({"a": 1, "b": 2}).adding("a", 9)
    assert (collection.items, collection.get("a")) == ((9, 2), 9)


def test_without_what_is_not_there_is_the_same() -> None:
    collection = Collection({"a": 1})
    assert collection.without("b", "c") is collection
