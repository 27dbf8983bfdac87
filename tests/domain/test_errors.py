"""The texts of errors: one line that names the thing, the value, and, where one can know, the remedy."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from recursor.domain.effect import Outcome
from recursor.domain.errors import InvalidInputError, unknown_key
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo
from tests.making import make_stack, make_todo


def explanation(make: Any, *args: Any, **fields: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        make(*args, **fields)
    return str(InvalidInputError.explaining("todo", caught.value))


def test_the_field_the_reason_and_the_value_are_named() -> None:
    assert explanation(make_todo, priority=9) == (
        "todo: priority: input should be less than or equal to 5 (got 9)"
    )


def test_further_problems_are_counted() -> None:
    text = explanation(make_todo, priority=9, content="", status="lost")
    assert text.endswith(" (and 2 more)")


def test_a_long_value_is_cut() -> None:
    text = explanation(make_todo, content="x" * 5000)
    assert len(text) < 200
    assert "..." in text


def test_a_pattern_is_not_what_a_person_reads() -> None:
    text = explanation(make_stack, name="two\nlines")
    assert text == "todo: name: has characters that are not allowed here (got 'two\\nlines')"


def test_a_field_deep_inside_is_named_and_a_very_deep_one_cut() -> None:
    assert "effects.0.create_todo.content" in explanation(
        Outcome, effects=[{"kind": "create_todo", "content": ""}]
    )
    deep: dict[str, Any] = {}
    for _ in range(400):
        deep = {"inside": deep}
    assert len(explanation(Outcome, metadata=deep)) < 300


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=10) | st.integers(), min_size=1, max_size=3))
def test_whatever_is_given_the_text_is_one_line(fields: dict[str, Any]) -> None:
    for kind in (Stack, Todo, Outcome):
        try:
            kind.model_validate(fields)
        except ValidationError as error:
            text = str(InvalidInputError.explaining("input", error))
            assert text.splitlines() == [text]


def test_an_unknown_key_brings_the_nearest_known_one_to_mind() -> None:
    with pytest.raises(InvalidInputError, match=r"^settings: unknown key 'pase'; did you mean pause\?$"):
        unknown_key("settings", "pase", ["limits", "pause"])


def test_an_unknown_key_that_is_like_no_other_brings_all() -> None:
    with pytest.raises(InvalidInputError, match=r"unknown key 'zzz'; known: limits, pause$"):
        unknown_key("settings", "zzz", ["pause", "limits"])
