"""What an agent proposes becomes records: each effect, each refusal, all of an outcome or nothing."""

from typing import Any, get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recursor.domain import agent_state as bounds
from recursor.domain.agent_state import AgentExecutionState, AgentState, LongTermMemory, ShortTermMemory
from recursor.domain.commands import SetIdea
from recursor.domain.effect import (
    AnswerUserMessage,
    CreateTodo,
    Effect,
    Outcome,
    PlanUserMessages,
    PublishArtifact,
    ReadMessages,
    Remember,
    ReviewArtifact,
    SendMessage,
    SetFocus,
    SetPhase,
    SetProject,
    TakeRecommendations,
    UpdateTodo,
)
from recursor.domain.message import Message, UserMessage
from recursor.domain.new_records import new_idea
from recursor.domain.project import Artifact, ProjectIdea
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Phase, Stack
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.trace import Trace
from recursor.orchestration.detectors import detect_planner
from recursor.orchestration.outcomes import _APPLY, EffectRefusedError, apply_outcome, named_by
from recursor.orchestration.stack_commands import set_idea
from tests.making import (
    NOW,
    STACK,
    make_artifact,
    make_idea,
    make_message,
    make_stack,
    make_state,
    make_todo,
    make_user_message,
)
from tests.orchestration.desk import Desk, make_records

OTHER = "5eed000000000002"
TODO, MESSAGE, LETTER = f"{1:032}", f"{2:032}", f"{3:032}"


@pytest.fixture
def desk() -> Desk:
    desk = Desk(
        make_records(
            todos=[make_todo(1)],
            user_messages=[make_user_message(2)],
            messages=[make_message(3)],
            artifact=make_artifact(1),
        )
    )
    desk.stored[Stack, OTHER] = make_stack(id=OTHER, name="orchard")
    return desk


def apply(
    desk: Desk,
    *effects: Any,
    role: str = "planner",
    now: float = NOW,
    saw: Snapshot | None = None,
    **outcome: Any,
) -> bool:
    """Apply what an agent made of what there is, or `saw`, a second before; tell whether it is progress."""
    seen = (desk.see() if saw is None else saw).but(taken_at=now - 1)
    draft = desk.draft(now)
    apply_outcome(draft, role, "cycle", Outcome(effects=effects, **outcome), seen, Settings())
    return desk.keep(draft)


def trace(desk: Desk) -> Trace:
    """Return the trace that the last outcome left."""
    (found,) = desk.written(Trace)
    return found  # type: ignore[no-any-return]


def dropped(desk: Desk) -> Any:
    return trace(desk).metadata["dropped"]


def complete(snapshot: Snapshot) -> Snapshot:
    return snapshot.but(stack=snapshot.stack.but(phase=Phase.COMPLETE))


def give_idea(desk: Desk, text: str, at: float) -> None:
    desk.do(set_idea, SetIdea(new_idea(STACK, text, at)), at)


def test_there_is_a_way_to_apply_every_effect_there_is() -> None:
    union = get_args(Effect)[0]
    assert set(_APPLY) == set(get_args(union))


class TestRun:
    def test_is_noted_in_the_role_and_traced(self, desk: Desk) -> None:
        failed = AgentState(
            stack_id=STACK,
            role="planner",
            execution_state=AgentExecutionState.FAILED,
            last_error="no model",
            long_term=LongTermMemory(facts=("it is spring",)),
            updated_at=NOW - 9,
        )
        desk.records.states = {"planner": failed}
        apply(desk, CreateTodo(content="water"), summary="planned", thoughts=("hm",), metadata={"model": "m"})
        state = desk.see().states["planner"]
        assert (state.execution_state, state.last_error) == (AgentExecutionState.IDLE, None)
        assert (state.last_run_at, state.updated_at) == (NOW - 1, NOW)
        assert state.short_term.recent_thoughts == ("hm",)
        assert state.long_term.facts == ("it is spring",)
        left = trace(desk)
        assert (left.role, left.execution_id, left.created_at) == ("planner", "cycle", NOW)
        assert (left.summary, left.thoughts, left.effects) == ("planned", ("hm",), ("create_todo",))
        assert left.metadata == {"model": "m"}

    def test_without_anything_to_say_leaves_no_trace(self, desk: Desk) -> None:
        assert not apply(desk)
        assert desk.see().states["planner"].last_run_at == NOW - 1
        assert desk.written(Trace) == []
        assert not desk.records.outbox

    def test_keeps_a_few_short_thoughts(self, desk: Desk) -> None:
        apply(desk, thoughts=tuple(f"old {n}" for n in range(30)))
        apply(desk, thoughts=("x" * 100_000, "new"))
        thoughts = desk.see().states["planner"].short_term.recent_thoughts
        assert len(thoughts) == bounds.MAX_THOUGHTS
        assert thoughts[0] == "old 12"
        assert thoughts[-1] == "new"
        assert len(thoughts[-2]) == bounds.LONGEST_THOUGHT
        assert len(trace(desk).thoughts[0]) == 100_000


class TestProject:
    def test_is_described(self, desk: Desk) -> None:
        apply(desk, SetProject(title="Garden", description="beds", features=("a", "b"), idea="not mine"))
        idea = desk.records.idea
        assert idea is not None
        assert (idea.title, idea.description, idea.features) == ("Garden", "beds", ("a", "b"))
        assert idea.idea == "a planner for gardens"
        assert (idea.created_at, idea.updated_at, idea.updated_by) == (NOW - 1000, NOW, "planner")

    def test_is_read_when_nothing_else_changes(self, desk: Desk) -> None:
        plan = SetProject(title="Garden", description="beds")
        apply(desk, plan)
        give_idea(desk, "a pond", NOW + 1)
        assert apply(desk, plan, now=NOW + 3)
        idea = desk.records.idea
        assert idea is not None
        assert (idea.idea, idea.title) == ("a pond", "Garden")
        assert (idea.updated_at, idea.updated_by) == (NOW + 3, "planner")
        assert not apply(desk, plan, now=NOW + 5)
        assert desk.records.idea == idea

    @pytest.mark.parametrize("late", [0.5, 0.0, -0.5], ids=["later", "at once", "by a clock that is behind"])
    def test_made_of_an_idea_that_was_rewritten_meanwhile_leaves_that_to_be_read(
        self, desk: Desk, late: float
    ) -> None:
        before, given_at = desk.see(), NOW - 1 + late
        give_idea(desk, "a pond", given_at)
        apply(desk, SetProject(title="Garden", description="beds", features=("a",)), saw=before)
        idea = desk.records.idea
        assert idea is not None
        assert (idea.title, idea.description, idea.features) == ("Garden", "beds", ("a",))
        assert (idea.idea, idea.updated_at, idea.updated_by) == ("a pond", given_at, "user")
        assert detect_planner(complete(desk.see()), Settings(), NOW + 1).reason == "the idea changed"

        apply(desk, SetProject(title="Pond"), now=NOW + 2)
        idea = desk.records.idea
        assert idea is not None
        assert (idea.title, idea.updated_at, idea.updated_by) == ("Pond", NOW + 2, "planner")
        assert not detect_planner(complete(desk.see()), Settings(), NOW + 2).has_work

    @example([("look", 0.0), ("apply", 0.0), ("give", -2.0)])
    @settings(max_examples=200, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["give", "look", "apply", "apply without a plan"]), st.floats(-2.0, 2.0)
            ),
            max_size=12,
        )
    )
    def test_is_planned_anew_exactly_while_its_idea_was_not_seen(
        self, steps: list[tuple[str, float]]
    ) -> None:
        """People write while the planner thinks, in any order, by clocks that differ: no idea is lost."""
        desk = Desk(
            make_records(stack=make_stack(phase="complete"), states=[make_state("planner", NOW - 99)])
        )
        text = read_for = make_idea().idea
        title, saw = None, None
        for number, (step, skew) in enumerate(steps, start=1):
            now = NOW + number
            if step == "give":
                text = f"idea {number}"
                give_idea(desk, text, now + skew)
            elif step == "look":
                saw = desk.see().but(taken_at=now)
            elif saw is not None and saw.idea is not None:
                read_for, effects = saw.idea.idea, []
                if step == "apply":
                    title = f"plan of {read_for}"
                    effects.append(SetProject(title=title))
                apply(desk, *effects, now=now, saw=saw)
                saw = None
            idea = desk.records.idea
            assert idea is not None
            assert (idea.idea, idea.title) == (text, title)
            found = detect_planner(desk.see(), Settings(), now)
            if text != read_for:
                assert found.reason == "the idea changed"

    def test_may_get_its_idea_from_the_planner_where_there_is_none(self) -> None:
        desk = Desk(make_records(idea=None))
        apply(desk, SetProject(title="Garden", idea="a garden"))
        assert desk.records.idea == ProjectIdea(
            stack_id=STACK,
            idea="a garden",
            title="Garden",
            created_at=NOW,
            updated_at=NOW,
            updated_by="planner",
        )

    def test_has_a_phase(self, desk: Desk) -> None:
        apply(desk, SetPhase(phase=Phase.COMPLETE))
        assert desk.see().stack.phase is Phase.COMPLETE
        assert desk.written(Stack) == [desk.records.stack]


class TestTodos:
    def test_are_made(self, desk: Desk) -> None:
        apply(desk, CreateTodo(content="one"), CreateTodo(content="two", priority=5, metadata={"bed": 1}))
        first, one, two = desk.see().todos
        assert first.id == TODO
        assert (one.content, one.priority, one.status) == ("one", 3, TodoStatus.PENDING)
        assert (two.content, two.priority, two.metadata) == ("two", 5, {"bed": 1})
        assert one.id < two.id
        assert (one.assigned_by, one.updated_by, one.created_at, one.closed_at) == ("planner",) * 2 + (
            NOW,
            None,
        )
        assert desk.written(Todo) == [one, two]

    @pytest.mark.parametrize("status", [TodoStatus.COMPLETED, TodoStatus.CANCELLED])
    def test_are_closed(self, desk: Desk, status: TodoStatus) -> None:
        apply(desk, UpdateTodo(todo_id=TODO, status=status), role="builder")
        (todo,) = desk.see().todos
        assert (todo.status, todo.closed_at, todo.updated_at, todo.updated_by) == (
            status,
            NOW,
            NOW,
            "builder",
        )
        assert desk.see().open_todos == ()

    def test_are_begun_and_given_back(self, desk: Desk) -> None:
        apply(desk, UpdateTodo(todo_id=TODO, status=TodoStatus.IN_PROGRESS))
        assert desk.see().todos[0].status is TodoStatus.IN_PROGRESS
        apply(desk, UpdateTodo(todo_id=TODO, status=TodoStatus.PENDING))
        assert desk.see().todos[0].status is TodoStatus.PENDING
        assert desk.see().todos[0].closed_at is None

    def test_keep_what_is_not_changed(self, desk: Desk) -> None:
        apply(desk, UpdateTodo(todo_id=TODO, priority=5))
        apply(desk, UpdateTodo(todo_id=TODO, content="plant two trees"))
        (todo,) = desk.see().todos
        assert (todo.priority, todo.content, todo.status) == (5, "plant two trees", TodoStatus.PENDING)

    def test_that_are_closed_stay_closed_at_their_time(self, desk: Desk) -> None:
        apply(desk, UpdateTodo(todo_id=TODO, status=TodoStatus.COMPLETED))
        apply(desk, UpdateTodo(todo_id=TODO, status=TodoStatus.COMPLETED, priority=1), now=NOW + 9)
        (todo,) = desk.see().todos
        assert (todo.closed_at, todo.priority, todo.updated_at) == (NOW, 1, NOW + 9)

    def test_that_are_not_in_memory_can_be_changed(self, desk: Desk) -> None:
        desk.stored[Todo, f"{8:032}"] = make_todo(8, status=TodoStatus.COMPLETED, closed_at=NOW - 99)
        apply(desk, UpdateTodo(todo_id=f"{8:032}", priority=5))
        (todo,) = desk.written(Todo)
        assert (todo.priority, todo.closed_at) == (5, NOW - 99)


class TestArtifact:
    def test_versions_count_from_one(self) -> None:
        desk = Desk()
        apply(desk, PublishArtifact(content="<p>", metadata={"size": 3}), role="builder")
        artifact = desk.see().artifact
        assert artifact is not None
        assert (artifact.number, artifact.content, artifact.author) == (1, "<p>", "builder")
        assert (artifact.created_at, artifact.metadata) == (NOW, {"size": 3})

    def test_several_in_one_outcome_follow_each_other(self, desk: Desk) -> None:
        apply(desk, PublishArtifact(content="second"), PublishArtifact(content="third"))
        assert [(a.number, a.content) for a in desk.written(Artifact)] == [(2, "second"), (3, "third")]

    def test_reviewing_it_replaces_the_recommendations(self, desk: Desk) -> None:
        apply(desk, ReviewArtifact(number=1, recommendations=("a", "b")), role="reviewer")
        memory = desk.see().states["reviewer"].long_term
        assert (memory.reviewed_artifact, memory.recommendations) == (1, ("a", "b"))
        apply(desk, ReviewArtifact(number=0, recommendations=("c",)), role="reviewer")
        memory = desk.see().states["reviewer"].long_term
        assert (memory.reviewed_artifact, memory.recommendations) == (1, ("c",))

    def test_a_version_can_be_reviewed_by_who_publishes_it(self, desk: Desk) -> None:
        apply(desk, PublishArtifact(content="2"), ReviewArtifact(number=2), role="reviewer")
        assert desk.see().states["reviewer"].long_term.reviewed_artifact == 2

    def test_recommendations_that_are_taken_up_are_gone_and_the_others_stay(self, desk: Desk) -> None:
        apply(desk, ReviewArtifact(number=1, recommendations=("a", "b", "c")), role="reviewer")
        apply(desk, TakeRecommendations(recommendations=("a", "c", "never made")))
        state = desk.see().states["reviewer"]
        assert state.long_term.recommendations == ("b",)
        assert state.last_run_at == NOW - 1
        assert desk.see().states["planner"].long_term.recommendations == ()


class TestVisitors:
    def test_are_answered(self, desk: Desk) -> None:
        apply(desk, AnswerUserMessage(message_id=MESSAGE, answer="welcome"), role="communicator")
        (message,) = desk.see().user_messages
        assert (message.answer, message.answered_at, message.planned_at) == ("welcome", NOW, None)

    def test_are_judged_by_who_answers_them(self, desk: Desk) -> None:
        effect = AnswerUserMessage(message_id=MESSAGE, answer="soon", needs_planning=True)
        apply(desk, effect, role="communicator")
        assert desk.see().user_messages[0].needs_planning is True

    def test_are_answered_once(self, desk: Desk) -> None:
        apply(desk, AnswerUserMessage(message_id=MESSAGE, answer="first"))
        apply(desk, AnswerUserMessage(message_id=MESSAGE, answer="second"), now=NOW + 9)
        (message,) = desk.see().user_messages
        assert (message.answer, message.answered_at) == ("first", NOW)

    def test_are_answered_once_by_one_outcome_too(self, desk: Desk) -> None:
        answers = (AnswerUserMessage(message_id=MESSAGE, answer=text) for text in ("first", "second"))
        apply(desk, *answers)
        assert desk.see().user_messages[0].answer == "first"

    def test_are_planned_for(self, desk: Desk) -> None:
        apply(desk, PlanUserMessages(message_ids=(MESSAGE,)))
        apply(desk, PlanUserMessages(message_ids=(MESSAGE,)), now=NOW + 9)
        (message,) = desk.see().user_messages
        assert (message.planned_at, message.answered_at) == (NOW, None)
        assert desk.see().unanswered == (message,)

    def test_both_facts_in_one_outcome_are_kept(self, desk: Desk) -> None:
        apply(
            desk,
            PlanUserMessages(message_ids=(MESSAGE,)),
            AnswerUserMessage(message_id=MESSAGE, answer="soon"),
        )
        (message,) = desk.see().user_messages
        assert (message.planned_at, message.answered_at, message.answer) == (NOW, NOW, "soon")
        assert desk.written(UserMessage) == [message]


def with_broadcasts(desk: Desk, *numbers: int) -> list[str]:
    """Have other stacks write to all; returns the messages' ids."""
    for number in numbers:
        message = make_message(number, to_stack_id=None, from_stack_id=OTHER)
        desk.records.broadcasts = desk.records.broadcasts.adding(message.id, message)
    return [f"{number:032}" for number in numbers]


class TestMessages:
    def test_to_this_stack_are_read_one_by_one(self, desk: Desk) -> None:
        desk.records.messages = desk.records.messages.adding(f"{4:032}", make_message(4))
        apply(desk, ReadMessages(message_ids=(LETTER,)), role="communicator")
        assert [int(message.id) for message in desk.see().messages] == [4]
        assert desk.written(Message) == [make_message(3, read_at=NOW)]

    def test_to_all_are_read_up_to_a_place_that_is_each_stacks_own(self, desk: Desk) -> None:
        first, second, third = with_broadcasts(desk, 10, 11, 12)
        apply(desk, ReadMessages(message_ids=(second, first, LETTER)))
        assert desk.records.stack.broadcasts_read == second
        assert [message.id for message in desk.see().messages] == [third]

    def test_reading_again_changes_nothing(self, desk: Desk) -> None:
        (place,) = with_broadcasts(desk, 10)
        apply(desk, ReadMessages(message_ids=(place, LETTER)))
        desk.stored.update(
            {
                (Message, LETTER): make_message(3, read_at=NOW),
                (Message, place): make_message(10, to_stack_id=None),
            }
        )
        assert not apply(desk, ReadMessages(message_ids=(place, LETTER)), now=NOW + 9)
        assert desk.written(Message) == []

    def test_phase_and_place_in_one_outcome_are_both_kept(self, desk: Desk) -> None:
        (place,) = with_broadcasts(desk, 10)
        apply(desk, SetPhase(phase=Phase.REVIEWING), ReadMessages(message_ids=(place,)))
        stack = desk.records.stack
        assert (stack.phase, stack.broadcasts_read) == (Phase.REVIEWING, place)

    @pytest.mark.parametrize("receiver", [OTHER, None])
    def test_to_others_are_kept_until_they_have_arrived(self, desk: Desk, receiver: str | None) -> None:
        apply(desk, SendMessage(to_stack_id=receiver, content="apples?"))
        (message,) = desk.records.outbox
        assert (message.content, message.to_stack_id) == ("apples?", receiver)
        assert (message.from_stack_id, message.from_name) == (STACK, "garden")
        assert desk.writes.sent == {message.id: message}
        assert [message.id for message in desk.see().messages] == [LETTER]


class TestMemory:
    def test_takes_in_what_is_new(self, desk: Desk) -> None:
        apply(desk, Remember(facts=("a", "b"), learnings=("x",)))
        apply(desk, Remember(facts=("b", "c")), Remember(learnings=("x", "y")))
        memory = desk.see().states["planner"].long_term
        assert (memory.facts, memory.learnings) == (("a", "b", "c"), ("x", "y"))

    def test_is_bounded_and_forgets_the_oldest(self, desk: Desk) -> None:
        for start in (0, 150):
            new = tuple(f"fact {number}" for number in range(start, start + 150))
            apply(desk, Remember(facts=new, learnings=new))
        memory = desk.see().states["planner"].long_term
        for kept, most in ((memory.facts, bounds.MAX_FACTS), (memory.learnings, bounds.MAX_LEARNINGS)):
            assert len(kept) == most
            assert (kept[0], kept[-1]) == ("fact 100", "fact 299")

    def test_is_each_roles_own(self, desk: Desk) -> None:
        apply(desk, Remember(facts=("a",)), SetFocus(focus="beds", active_task="dig"), role="builder")
        states = desk.see().states
        assert states["builder"].short_term == ShortTermMemory(focus="beds", active_task="dig")
        assert states["planner"].long_term.facts == ()
        assert states["planner"].last_run_at is None

    def test_what_one_outcome_says_of_one_state_is_all_kept(self, desk: Desk) -> None:
        apply(
            desk,
            ReviewArtifact(number=1, recommendations=("a", "b")),
            Remember(facts=("seen",)),
            SetFocus(focus="labels"),
            TakeRecommendations(recommendations=("a",)),
            role="reviewer",
            thoughts=("hm",),
        )
        state = desk.see().states["reviewer"]
        assert state.long_term.recommendations == ("b",)
        assert (state.long_term.facts, state.long_term.reviewed_artifact) == (("seen",), 1)
        assert (state.short_term.focus, state.short_term.recent_thoughts) == ("labels", ("hm",))
        assert state.last_run_at == NOW - 1
        assert desk.written(AgentState) == [state]


REFUSED = [
    (UpdateTodo(todo_id="lost", status=TodoStatus.COMPLETED), "there is no todo lost"),
    (UpdateTodo(todo_id="", priority=1), "there is no todo"),
    (UpdateTodo(todo_id="x" * 1000, priority=1), "there is no todo xxx"),
    (UpdateTodo(todo_id=MESSAGE, priority=1), f"there is no todo {MESSAGE}"),
    (UpdateTodo(todo_id=f"{8:032}", status=TodoStatus.PENDING), f"todo {8:032} is completed already"),
    (UpdateTodo(todo_id=f"{8:032}", status=TodoStatus.CANCELLED), f"todo {8:032} is completed already"),
    (AnswerUserMessage(message_id="lost", answer="?"), "there is no visitor message lost"),
    (PlanUserMessages(message_ids=(MESSAGE, "lost")), "there is no visitor message lost"),
    (ReadMessages(message_ids=(LETTER, "lost")), "there is no message lost to this stack"),
    (ReadMessages(message_ids=(f"{9:032}",)), f"there is no message {9:032} to this stack"),
    (ReviewArtifact(number=9), "there is no version 9 of the artifact"),
]


class TestRefusals:
    """An agent that names what it cannot have seen has made a mistake."""

    @pytest.mark.parametrize(("effect", "why"), REFUSED)
    def test_apply_nothing_of_the_outcome(self, desk: Desk, effect: Any, why: str) -> None:
        closed = make_todo(8, status=TodoStatus.COMPLETED, closed_at=NOW - 99)
        desk.records.todos = desk.records.todos.adding(closed.id, closed)
        before = desk.records.copy()
        others = (
            SetPhase(phase=Phase.COMPLETE),
            CreateTodo(content="never"),
            PublishArtifact(content="never"),
            SendMessage(content="never"),
            Remember(facts=("never",)),
        )
        with pytest.raises(EffectRefusedError) as refused:
            apply(desk, *others, effect)
        assert str(refused.value).startswith(f"planner proposed {effect.kind}: {why}")
        assert str(refused.value).endswith("; nothing of its outcome was applied")
        assert len(str(refused.value)) < 400
        assert desk.records == before

    def test_an_idea_that_nobody_gave_is_refused(self) -> None:
        with pytest.raises(EffectRefusedError, match="planner proposed set_project: there is no idea yet"):
            apply(Desk(make_records(idea=None)), SetProject(title="Garden"))


def without_todo(desk: Desk) -> None:
    desk.records.todos = desk.records.todos.without(TODO)


def with_todo_cancelled(desk: Desk) -> None:
    cancelled = make_todo(1, status=TodoStatus.CANCELLED, closed_at=NOW)
    desk.records.todos = desk.records.todos.adding(TODO, cancelled)


def with_todo_cancelled_and_forgotten(desk: Desk) -> None:
    without_todo(desk)
    desk.stored[Todo, TODO] = make_todo(1, status=TodoStatus.CANCELLED, closed_at=NOW)


def without_visitor(desk: Desk) -> None:
    desk.records.user_messages = desk.records.user_messages.without(MESSAGE)


def without_letter(desk: Desk) -> None:
    desk.records.messages = desk.records.messages.without(LETTER)


def without_other_stack(desk: Desk) -> None:
    del desk.stored[Stack, OTHER]


COMPLETE = UpdateTodo(todo_id=TODO, status=TodoStatus.COMPLETED)
VANISHED = {
    "todo pruned": (without_todo, COMPLETE, f"update_todo: there is no todo {TODO}"),
    "todo cancelled": (with_todo_cancelled, COMPLETE, f"update_todo: todo {TODO} is cancelled already"),
    "todo cancelled long ago": (
        with_todo_cancelled_and_forgotten,
        COMPLETE,
        f"update_todo: todo {TODO} is cancelled already",
    ),
    "visitor's message to answer": (
        without_visitor,
        AnswerUserMessage(message_id=MESSAGE, answer="yes"),
        f"answer_user_message: there is no visitor message {MESSAGE}",
    ),
    "visitor's message to plan for": (
        without_visitor,
        PlanUserMessages(message_ids=(MESSAGE,)),
        f"plan_user_messages: there is no visitor message {MESSAGE}",
    ),
    "message of a stack": (
        without_letter,
        ReadMessages(message_ids=(LETTER,)),
        f"read_messages: message {LETTER} no longer exists",
    ),
    "receiver": (
        without_other_stack,
        SendMessage(to_stack_id=OTHER, content="apples?"),
        f"send_message: there is no stack {OTHER}",
    ),
}


class TestWhatHasVanished:
    """No agent can know of it: the effect is dropped with a note, and the rest of the outcome holds."""

    @pytest.mark.parametrize(("vanish", "effect", "note"), VANISHED.values(), ids=VANISHED.keys())
    def test_is_dropped_with_a_note(self, desk: Desk, vanish: Any, effect: Any, note: str) -> None:
        saw = desk.see()
        vanish(desk)
        apply(
            desk,
            CreateTodo(content="before"),
            effect,
            CreateTodo(content="after"),
            saw=saw,
            summary="did it",
            metadata={"model": "m"},
        )
        assert [todo.content for todo in desk.see().open_todos if todo.id != TODO] == ["before", "after"]
        assert trace(desk).metadata == {"model": "m", "dropped": [note]}
        assert trace(desk).summary == "did it"
        assert not desk.records.outbox
        assert desk.see().states["planner"].last_run_at == NOW - 1

    def test_leaves_a_trace_even_if_it_was_all(self, desk: Desk) -> None:
        saw = desk.see()
        without_other_stack(desk)
        apply(desk, SendMessage(to_stack_id=OTHER, content="apples?"), saw=saw)
        assert dropped(desk) == [f"send_message: there is no stack {OTHER}"]

    def test_of_several_messages_to_plan_for_the_others_hold(self, desk: Desk) -> None:
        another = make_user_message(7)
        desk.records.user_messages = desk.records.user_messages.adding(another.id, another)
        saw = desk.see()
        without_visitor(desk)
        apply(desk, PlanUserMessages(message_ids=(MESSAGE, another.id)), saw=saw)
        assert [message.planned_at for message in desk.see().user_messages] == [NOW]
        assert len(dropped(desk)) == 1

    def test_a_broadcast_that_was_pruned_counts_as_read(self, desk: Desk) -> None:
        (place,) = with_broadcasts(desk, 10)
        saw = desk.see()
        desk.records.broadcasts = desk.records.broadcasts.without(place)
        apply(desk, ReadMessages(message_ids=(place,)), saw=saw)
        assert desk.records.stack.broadcasts_read == place
        assert "dropped" not in trace(desk).metadata

    def test_a_version_that_was_pruned_can_be_reviewed(self, desk: Desk) -> None:
        desk.records.artifact = make_artifact(5)
        apply(desk, ReviewArtifact(number=2, recommendations=("label it",)), role="reviewer")
        memory = desk.see().states["reviewer"].long_term
        assert (memory.reviewed_artifact, memory.recommendations) == (2, ("label it",))

    def test_recommendations_of_a_role_that_left_the_team_can_be_taken_up(self, desk: Desk) -> None:
        assert not apply(desk, TakeRecommendations(recommendations=("label it",)))

    def test_a_todo_that_another_agent_of_the_wave_has_closed_alike_stays_so(self, desk: Desk) -> None:
        saw = desk.see()
        apply(desk, COMPLETE, saw=saw, role="builder")
        apply(desk, COMPLETE, saw=saw, role="reviewer", now=NOW + 1)
        assert desk.records.todos.items[0].updated_by == "builder"
        assert "dropped" not in trace(desk).metadata

    def test_a_long_note_is_cut(self, desk: Desk) -> None:
        apply(desk, SendMessage(to_stack_id="x" * 100_000, content="hello"))
        assert len(dropped(desk)[0]) < 400


def test_an_outcome_names_the_records_that_its_owner_has_to_look_for() -> None:
    outcome = Outcome(
        effects=(
            COMPLETE,
            AnswerUserMessage(message_id="a", answer="yes"),
            PlanUserMessages(message_ids=("b", "c")),
            ReadMessages(message_ids=("d",)),
            SendMessage(to_stack_id=OTHER, content="hello"),
            SendMessage(content="to all"),
            CreateTodo(content="water"),
        )
    )
    assert named_by(outcome) == [
        (Todo, TODO),
        (UserMessage, "a"),
        (UserMessage, "b"),
        (UserMessage, "c"),
        (Message, "d"),
        (Stack, OTHER),
    ]


CHANGING: list[Effect] = [
    SetProject(title="Garden"),
    SetPhase(phase=Phase.COMPLETE),
    CreateTodo(content="water"),
    UpdateTodo(todo_id=TODO, priority=5),
    PublishArtifact(content="<p>"),
    AnswerUserMessage(message_id=MESSAGE, answer="yes"),
    PlanUserMessages(message_ids=(MESSAGE,)),
    ReadMessages(message_ids=(LETTER,)),
    SendMessage(content="hello"),
    ReviewArtifact(number=1),
    TakeRecommendations(recommendations=("label it",)),
]
REPEATABLE = [
    effect for effect in CHANGING if effect.kind not in ("create_todo", "publish_artifact", "send_message")
]
IDLE = [
    UpdateTodo(todo_id=TODO),
    UpdateTodo(todo_id=TODO, status=TodoStatus.PENDING, priority=3, content="plant tree 1"),
    SetPhase(phase=Phase.PLANNING),
    PlanUserMessages(message_ids=()),
    ReadMessages(message_ids=()),
    ReviewArtifact(number=0),
    TakeRecommendations(recommendations=("never made",)),
    Remember(facts=("a",)),
    SetFocus(focus="beds"),
]


class TestProgress:
    @pytest.fixture(autouse=True)
    def _recommendation(self, desk: Desk) -> None:
        desk.records.states = {"reviewer": make_state("reviewer", recommendations=("label it",))}
        desk.stored[Message, LETTER] = make_message(3, read_at=NOW)

    @pytest.mark.parametrize("effect", CHANGING, ids=lambda effect: effect.kind)
    def test_is_what_others_can_see(self, desk: Desk, effect: Any) -> None:
        role = "reviewer" if effect.kind == "review_artifact" else "planner"
        assert apply(desk, effect, role=role)

    @pytest.mark.parametrize("effect", REPEATABLE, ids=lambda effect: effect.kind)
    def test_is_not_what_was_so_already(self, desk: Desk, effect: Any) -> None:
        role = "reviewer" if effect.kind == "review_artifact" else "planner"
        apply(desk, effect, role=role)
        assert not apply(desk, effect, role=role, now=NOW + 9)

    @pytest.mark.parametrize("effect", IDLE, ids=lambda effect: effect.kind)
    def test_is_not_what_changes_nothing_that_others_see(self, desk: Desk, effect: Any) -> None:
        reviewer = desk.records.states["reviewer"]
        assert not apply(desk, effect)
        assert {type(record) for record in desk.writes} == {AgentState, Trace}
        assert desk.records.states["reviewer"] == reviewer
