"""The communicator that asks a model: visitors are answered and judged, other stacks never endlessly."""

from collections.abc import Callable
from typing import Any

from recursor.agents.answerable_messages import MAX_ANSWERS_A_STACK, answered
from recursor.agents.model.answer import MOST_SENTENCES
from recursor.domain.effect import AnswerUserMessage, Outcome, ReadMessages, Remember, SendMessage
from tests.making import make_message, make_snapshot, make_state, make_user_message

Effects = Callable[[Outcome, type[Any]], list[Any]]

ANN = make_user_message(1, sender="Ann", content="Is there a pond?")
BOB = make_user_message(2, sender="Bob", content="Make it blue!")


class TestVisitors:
    def test_are_answered_one_at_a_time_the_one_who_waited_longest_first(
        self, asking: Any, effects: Effects
    ) -> None:
        snapshot = make_snapshot(user_messages=(ANN, BOB))
        outcome = asking("communicator", snapshot, {"answer": "Not yet.", "needs_planning": False})
        (answer,) = effects(outcome, AnswerUserMessage)
        assert (answer.message_id, answer.answer, answer.needs_planning) == (ANN.id, "Not yet.", False)
        assert "from Ann: Is there a pond?" in asking.question

    def test_are_not_left_without_an_answer_or_a_judgement(self, asking: Any, effects: Effects) -> None:
        outcome = asking(
            "communicator", make_snapshot(user_messages=(ANN,)), {}, {"answer": "No.", "needs_planning": True}
        )
        assert "Ann waits for an answer" in asking.complaint
        assert "Say in needs_planning" in asking.complaint
        assert effects(outcome, AnswerUserMessage)[0].needs_planning is True


class TestOtherStacks:
    LETTER = make_message(3, content="Do you have seeds?")

    def test_are_answered_with_a_mark(self, asking: Any, effects: Effects) -> None:
        broadcast = make_message(4, to_stack_id=None, content="hello all")
        snapshot = make_snapshot(messages=(self.LETTER, broadcast))
        outcome = asking("communicator", snapshot, {"letters": [{"number": 1, "answer": "Plenty."}]})
        (sent,) = effects(outcome, SendMessage)
        assert sent.to_stack_id == self.LETTER.from_stack_id
        assert sent.content == "Re: Do you have seeds?\nPlenty."
        assert effects(outcome, ReadMessages)[0].message_ids == (self.LETTER.id, broadcast.id)
        assert answered(self.LETTER) in effects(outcome, Remember)[0].facts

    def test_are_read_without_asking_where_nothing_may_be_answered(
        self, asking: Any, effects: Effects
    ) -> None:
        reply = make_message(5, content="Re: seeds\nThanks!")
        outcome = asking("communicator", make_snapshot(messages=(reply,)), {})
        assert asking.stub.calls == []
        assert effects(outcome, ReadMessages)[0].message_ids == (reply.id,)

    def test_are_not_answered_for_ever(self, asking: Any, effects: Effects) -> None:
        facts = [answered(make_message(n)) for n in range(10, 10 + MAX_ANSWERS_A_STACK)]
        snapshot = make_snapshot(make_state("communicator", facts=tuple(facts)), messages=(self.LETTER,))
        outcome = asking("communicator", snapshot, {})
        assert asking.stub.calls == []
        assert not effects(outcome, SendMessage)

    def test_that_do_not_fit_wait_for_the_next_run(self, asking: Any, effects: Effects) -> None:
        letters = tuple(
            make_message(n, from_stack_id=f"stack-{n}", content="Do you know? " + "word " * 500)
            for n in range(1, 9)
        )
        outcome = asking("communicator", make_snapshot(messages=letters), {}, context_tokens=6_000)
        read = effects(outcome, ReadMessages)[0].message_ids
        assert read == tuple(letter.id for letter in letters[: len(read)])
        assert 0 < len(read) < len(letters)

    def test_are_answered_by_numbers_there_are(self, asking: Any) -> None:
        wrong = {"letters": [{"number": 2, "answer": "Plenty."}]}
        asking("communicator", make_snapshot(messages=(self.LETTER,)), wrong, {})
        assert "There is no letter 2" in asking.complaint


def test_what_it_knows_already_is_not_learned_again(asking: Any, effects: Effects) -> None:
    snapshot = make_snapshot(make_state("communicator", facts=("Ann likes ponds",)), user_messages=(ANN,))
    learned = {"facts": ["ann likes  ponds.", "Ann is ten"], "learnings": ["Ann is ten.", "Be brief"]}
    answer = {"answer": "No.", "needs_planning": False, "learned": learned}
    outcome = asking("communicator", snapshot, answer)
    assert "- fact: Ann likes ponds" in asking.question
    assert effects(outcome, Remember) == [Remember(facts=("Ann is ten",), learnings=("Be brief",))]


def test_all_that_it_learns_and_thinks_is_kept_or_asked_for_again(asking: Any, effects: Effects) -> None:
    """Nothing of an answer is left out without a word."""

    def answer(count: int) -> dict[str, Any]:
        said = [f"{number} is a number." for number in range(count)]
        return {
            "answer": "No.",
            "needs_planning": False,
            "thoughts": said,
            "learned": {"facts": said},
        }

    snapshot = make_snapshot(user_messages=(ANN,))
    outcome = asking("communicator", snapshot, answer(10))
    assert len(outcome.thoughts) == len(effects(outcome, Remember)[0].facts) == 10
    outcome = asking("communicator", snapshot, answer(MOST_SENTENCES + 1), answer(MOST_SENTENCES))
    assert len(asking.stub.calls) == 2
    assert f"at most {MOST_SENTENCES} items" in asking.complaint
    assert len(outcome.thoughts) == len(effects(outcome, Remember)[0].facts) == MOST_SENTENCES
