"""Ids sort by age, and a moment can be compared with them."""

import re
import time

from hypothesis import given
from hypothesis import strategies as st

from recursor.domain.ids import earliest_id, new_id, new_stack_id


def test_ids_made_later_sort_later() -> None:
    ids = [new_id() for _ in range(5000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def test_a_moment_stands_between_the_ids_before_and_after_it() -> None:
    before = time.time()
    made = new_id()
    after = time.time()
    assert earliest_id(before) <= made
    assert made < earliest_id(after + 0.001)
    assert made > earliest_id(before - 60)


@given(st.floats(min_value=0, max_value=1e11), st.floats(min_value=0, max_value=1e11))
def test_moments_sort_by_age(one: float, other: float) -> None:
    if one <= other:
        assert earliest_id(one) <= earliest_id(other)


def test_a_moment_before_all_time_is_before_every_id() -> None:
    assert earliest_id(-1e12) < new_id()


def test_a_stack_has_sixteen_random_digits() -> None:
    ids = {new_stack_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch("[0-9a-f]{16}", each) for each in ids)
    assert len({each[:2] for each in ids}) > 100
