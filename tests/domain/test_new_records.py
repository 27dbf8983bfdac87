"""What people and programs give is checked where a record is made of it, and refused in one line."""

from collections.abc import Callable

import pytest

from recursor.domain.errors import InvalidInputError
from recursor.domain.new_records import new_idea, new_message, new_stack, new_todo, new_user_message
from tests.making import NOW, STACK, make_stack

OTHER = "5eed000000000002"


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: new_stack("", NOW), "stack: name: "),
        (lambda: new_stack("x" * 201, NOW), "stack: name: "),
        (lambda: new_stack("two\nlines", NOW), "stack: name: has characters that are not allowed here"),
        (lambda: new_stack("a", NOW, {"puase": {}}), "settings: unknown key 'puase'; did you mean pause?"),
        (lambda: new_stack("a", NOW, {"pause": {"after_work": -1}}), "settings.pause: after_work: "),
        (lambda: new_idea(STACK, " ", NOW), "project idea: idea: "),
        (lambda: new_idea(STACK, "x" * 20_001, NOW), "project idea: idea: "),
        (lambda: new_user_message(STACK, "", "hello", NOW), "message: sender: "),
        (lambda: new_user_message(STACK, "two\nlines", "hello", NOW), "message: sender: "),
        (lambda: new_user_message(STACK, "Ada", "  ", NOW), "message: content: "),
        (lambda: new_user_message(STACK, "Ada", "x" * 20_001, NOW), "message: content: "),
        (lambda: new_message(make_stack(), OTHER, "", NOW), "message: content: "),
        (lambda: new_todo(STACK, "", 3, NOW), "todo: content: "),
        (lambda: new_todo(STACK, "x" * 2_001, 3, NOW), "todo: content: "),
        (lambda: new_todo(STACK, "water", 0, NOW), "todo: priority: "),
        (lambda: new_todo(STACK, "water", 6, NOW), "todo: priority: "),
    ],
)
def test_nonsense_is_refused_in_one_line(make: Callable[[], object], text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        make()
    assert str(caught.value).startswith(text)
    assert len(str(caught.value).splitlines()) == 1
