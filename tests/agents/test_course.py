"""The course of a project with the scripted team, from the idea to the end."""

import pytest

from recursor.agents.scripted.review import review
from recursor.domain.stack import Phase


@pytest.mark.parametrize(
    "idea", ["A pomodoro timer with a todo list", "Track my llama herd with name, age and weight"]
)
def test_an_idea_ends_complete_with_a_page_in_order(world, idea):
    done = world(idea).until_quiet()

    assert done.phase is Phase.COMPLETE
    assert review(done.page, done.snapshot.todos) == ()
