"""The communicator: honest answers from the actual state, and no endless talk with other stacks."""

import pytest

from recursor.agents.answerable_messages import ANSWER_MARK, MAX_ANSWERS_A_STACK
from recursor.domain.effect import AnswerUserMessage, ReadMessages, SendMessage


def answer(stack, text):
    """What a visitor is told at once, with nothing planned in between."""
    stack.ask(text)
    return next(e.answer for e in stack.run("communicator").effects if isinstance(e, AnswerUserMessage))


def test_messages_are_answered_one_at_a_time_oldest_first(world):
    stack = world("Kanban board")
    first = stack.ask("Hello")
    stack.ask("Hello again")

    answers = [e for e in stack.run("communicator").effects if isinstance(e, AnswerUserMessage)]

    assert [a.message_id for a in answers] == [first]


def test_the_state_is_told_as_it_is(world):
    stack = world("Kanban board with notes")
    assert "being planned" in answer(stack, "How far are you?")
    stack.cycle()
    stack.cycle()
    assert "is at version 1 with Board. Next: Build “Notes”" in answer(stack, "How far are you?")
    stack.until_quiet()
    assert "is complete: version 4" in answer(stack, "What is the status?")


def test_a_wish_is_promised_then_planned_then_done(world):
    stack = world("Kanban board").until_quiet()
    assert "I understood this as a change: Build “Calendar”" in answer(stack, "please add a calendar")

    for effect in stack.run("planner").effects:
        stack.apply("planner", effect)
    planned = next(e.answer for e in stack.run("communicator").effects if isinstance(e, AnswerUserMessage))
    assert planned.startswith("Planned: Build “Calendar”")

    for effect in stack.run("builder").effects:
        stack.apply("builder", effect)
    done = next(e.answer for e in stack.run("communicator").effects if isinstance(e, AnswerUserMessage))
    assert done.startswith("Done in version 4")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("please add a kanban board", "already has “Board”"),
        ("How do I use the board?", "drag it or use its arrow buttons"),
        ("Is my data private?", "stays in your browser"),
        ("Are you an AI?", "scripted team"),
        ("Hi there", "Hello, Ada."),
        ("thanks, love it", "Thank you, Ada."),
        ("Why is the sky blue?", "did not understand"),
        ("please fix everything", "did not understand"),
        ("فكرة", "did not understand"),
    ],
)
def test_answers(world, text, expected):
    assert expected in answer(world("Kanban board").until_quiet(), text)


def test_every_message_is_answered_in_the_end(world):
    stack = world("Kanban board")
    asked = [stack.ask(f"Question {number}?") for number in range(5)]
    stack.until_quiet()

    assert all(stack.answer_to(message) for message in asked)


def test_messages_of_other_stacks_are_read_and_questions_answered(world):
    stack = world("Kanban board").until_quiet()
    stack.receive("How far are you?", sender="s2")
    stack.receive("We have finished.", sender="s3")

    effects = stack.run("communicator").effects

    (read,) = [e for e in effects if isinstance(e, ReadMessages)]
    assert len(read.message_ids) == 2
    (sent,) = [e for e in effects if isinstance(e, SendMessage)]
    assert sent.to_stack_id == "s2"
    assert "is complete" in sent.content


def test_neither_answers_nor_broadcasts_are_answered(world):
    stack = world("Kanban board").until_quiet()
    stack.receive(f"{ANSWER_MARK}how far are you?\nWe are done. And you?", sender="s2")
    stack.receive("Is anybody there?", sender="s3", broadcast=True)
    stack.until_quiet()

    assert stack.sent == []
    assert stack.snapshot.messages == ()


def test_a_stack_that_asks_on_and_on_is_answered_a_bounded_number_of_times(world):
    stack = world("Kanban board").until_quiet()
    for number in range(3 * MAX_ANSWERS_A_STACK):
        stack.receive(f"And now? {number}", sender="s2")
        if number % 2:
            stack.until_quiet()
    stack.until_quiet()

    assert len(stack.sent) == MAX_ANSWERS_A_STACK


def test_with_nothing_to_do_it_leaves_no_trace(world):
    outcome = world("Kanban board").run("communicator")

    assert (outcome.effects, outcome.summary, outcome.thoughts) == ((), "", ())
