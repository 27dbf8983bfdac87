"""What an agent proposes becomes records: each effect, each refusal, all of an outcome or nothing."""

from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from recursor.domain import agent_state as bounds
from recursor.domain.agent_state import AgentExecutionState, AgentState, LongTermMemory, ShortTermMemory
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
from recursor.domain.errors import InvalidInputError
from recursor.domain.project import ProjectIdea
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Phase, Stack
from recursor.domain.todo import TodoStatus
from recursor.orchestration.detectors import detect_planner
from recursor.storage.conversations import add_message
from recursor.storage.draft import EffectRefusedError
from recursor.storage.effects import APPLY
from recursor.storage.outcomes import Applied, apply_outcome
from recursor.storage.revisions import read_revision
from recursor.storage.snapshots import take_snapshot
from recursor.storage.stacks import create_stack, new_idea, read_stack, set_idea
from recursor.storage.store import Store
from recursor.storage.tables import (
    ARTIFACTS,
    BROADCASTS,
    IDEAS,
    MESSAGES,
    STACKS,
    STATES,
    TABLES,
    TODOS,
    TRACES,
    USER_MESSAGES,
)
from tests.making import (
    NOW,
    ROLES,
    STACK,
    make_artifact,
    make_idea,
    make_message,
    make_snapshot,
    make_stack,
    make_state,
    make_todo,
    make_user_message,
)

OTHER = "5eed000000000002"
TODO, MESSAGE, LETTER = f"{1:032}", f"{2:032}", f"{3:032}"


@pytest.fixture
def stack(database: Store) -> Store:
    def work(writer: Any) -> None:
        create_stack(writer, make_stack(), make_idea())
        create_stack(writer, make_stack(id=OTHER, name="orchard", next_look_at=NOW + 50))
        TODOS.put(writer, make_todo(1))
        USER_MESSAGES.put(writer, make_user_message(2))
        MESSAGES.put(writer, make_message(3))
        ARTIFACTS.put(writer, make_artifact(1))

    database.write(work)
    return database


def apply(
    store: Store,
    *effects: Any,
    role: str = "planner",
    now: float = NOW,
    saw: Snapshot | None = None,
    **outcome: Any,
) -> Applied:
    """Apply what an agent made of what there is, or `saw`, a second before."""
    seen = (see(store) if saw is None else saw).but(taken_at=now - 1)

    def work(writer: Any) -> Applied:
        proposed = Outcome(effects=effects, **outcome)
        return apply_outcome(writer, read_stack(writer, STACK), role, "cycle", proposed, seen, now)

    return store.write(work)


def complete(snapshot: Snapshot) -> Snapshot:
    return snapshot.but(stack=snapshot.stack.but(phase=Phase.COMPLETE))


def see(store: Store, stack_id: str = STACK) -> Snapshot:
    with store.read() as reader:
        return take_snapshot(reader, stack_id, ROLES, NOW)


def everything(store: Store) -> dict[str, dict[bytes, bytes]]:
    with store.read() as reader:
        return {table: dict(reader.scan(table)) for table in TABLES}


def test_there_is_a_way_to_apply_every_effect_there_is() -> None:
    union = get_args(Effect)[0]
    assert set(APPLY) == set(get_args(union))


class TestRun:
    def test_is_noted_in_the_role_and_traced(self, stack: Store) -> None:
        failed = AgentState(
            stack_id=STACK,
            role="planner",
            execution_state=AgentExecutionState.FAILED,
            last_error="no model",
            long_term=LongTermMemory(facts=("it is spring",)),
            updated_at=NOW - 9,
        )
        stack.write(lambda writer: STATES.put(writer, failed))
        apply(
            stack, CreateTodo(content="water"), summary="planned", thoughts=("hm",), metadata={"model": "m"}
        )
        state = see(stack).states["planner"]
        assert (state.execution_state, state.last_error) == (AgentExecutionState.IDLE, None)
        assert (state.last_run_at, state.updated_at) == (NOW - 1, NOW)
        assert state.short_term.recent_thoughts == ("hm",)
        assert state.long_term.facts == ("it is spring",)
        with stack.read() as reader:
            (trace,) = TRACES.scan(reader, STACK)
        assert (trace.role, trace.execution_id, trace.created_at) == ("planner", "cycle", NOW)
        assert (trace.summary, trace.thoughts, trace.effects) == ("planned", ("hm",), ("create_todo",))
        assert trace.metadata == {"model": "m"}

    def test_without_anything_to_say_leaves_no_trace(self, stack: Store) -> None:
        applied = apply(stack)
        assert (applied.progress, applied.written_to) == (False, set())
        assert see(stack).states["planner"].last_run_at == NOW - 1
        with stack.read() as reader:
            assert list(TRACES.scan(reader, STACK)) == []

    def test_keeps_a_few_short_thoughts(self, stack: Store) -> None:
        apply(stack, thoughts=tuple(f"old {n}" for n in range(30)))
        apply(stack, thoughts=("x" * 100_000, "new"))
        thoughts = see(stack).states["planner"].short_term.recent_thoughts
        assert len(thoughts) == bounds.MAX_THOUGHTS
        assert thoughts[0] == "old 12"
        assert thoughts[-1] == "new"
        assert len(thoughts[-2]) == bounds.LONGEST_THOUGHT
        with stack.read() as reader:
            assert len(TRACES.newest(reader, STACK, 1)[0].thoughts[0]) == 100_000


class TestProject:
    def test_is_described(self, stack: Store) -> None:
        apply(stack, SetProject(title="Garden", description="beds", features=("a", "b"), idea="not mine"))
        idea = see(stack).idea
        assert idea is not None
        assert (idea.title, idea.description, idea.features) == ("Garden", "beds", ("a", "b"))
        assert idea.idea == "a planner for gardens"
        assert (idea.created_at, idea.updated_at, idea.updated_by) == (NOW - 1000, NOW, "planner")

    def test_is_read_when_nothing_else_changes(self, stack: Store) -> None:
        plan = SetProject(title="Garden", description="beds")
        apply(stack, plan)
        stack.write(lambda writer: set_idea(writer, new_idea(STACK, "a pond", NOW + 1), NOW + 1))
        assert apply(stack, plan, now=NOW + 3).progress
        idea = see(stack).idea
        assert idea is not None
        assert (idea.idea, idea.title) == ("a pond", "Garden")
        assert (idea.updated_at, idea.updated_by) == (NOW + 3, "planner")
        assert not apply(stack, plan, now=NOW + 5).progress
        assert see(stack).idea == idea

    @pytest.mark.parametrize("late", [0.5, 0.0, -0.5], ids=["later", "at once", "by a clock that is behind"])
    def test_made_of_an_idea_that_was_rewritten_meanwhile_leaves_that_to_be_read(
        self, stack: Store, late: float
    ) -> None:
        before, given_at = see(stack), NOW - 1 + late
        stack.write(lambda writer: set_idea(writer, new_idea(STACK, "a pond", given_at), given_at))
        apply(stack, SetProject(title="Garden", description="beds", features=("a",)), saw=before)
        idea = see(stack).idea
        assert idea is not None
        assert (idea.title, idea.description, idea.features) == ("Garden", "beds", ("a",))
        assert (idea.idea, idea.updated_at, idea.updated_by) == ("a pond", given_at, "user")
        assert detect_planner(complete(see(stack)), Settings(), NOW + 1).reason == "the idea changed"

        apply(stack, SetProject(title="Pond"), now=NOW + 2)
        idea = see(stack).idea
        assert idea is not None
        assert (idea.title, idea.updated_at, idea.updated_by) == ("Pond", NOW + 2, "planner")
        assert not detect_planner(complete(see(stack)), Settings(), NOW + 2).has_work

    @example([("look", 0.0), ("commit", 0.0), ("give", -2.0)])
    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["give", "look", "commit", "commit without a plan"]), st.floats(-2.0, 2.0)
            ),
            max_size=12,
        )
    )
    def test_is_planned_anew_exactly_while_its_idea_was_not_seen(
        self, database: Store, steps: list[tuple[str, float]]
    ) -> None:
        """People write while the planner thinks, in any order, by clocks that differ: no idea is lost."""

        def begin(writer: Any) -> None:
            for table in TABLES:
                writer.delete_range(table, b"", None)
            create_stack(writer, make_stack(phase="complete"), make_idea())
            STATES.put(writer, make_state("planner", NOW - 99))

        database.write(begin)
        text = read_for = make_idea().idea
        title, saw = None, None
        for number, (step, skew) in enumerate(steps, start=1):
            now = NOW + number
            if step == "give":
                text = f"idea {number}"
                given = new_idea(STACK, text, now + skew)
                database.write(lambda writer, given=given: set_idea(writer, given, given.updated_at))
            elif step == "look":
                saw = see(database).but(taken_at=now)
            elif saw is not None and saw.idea is not None:
                read_for, effects = saw.idea.idea, []
                if step == "commit":
                    title = f"plan of {read_for}"
                    effects.append(SetProject(title=title))
                apply(database, *effects, now=now, saw=saw)
                saw = None
            idea = see(database).idea
            assert idea is not None
            assert (idea.idea, idea.title) == (text, title)
            found = detect_planner(see(database), Settings(), now)
            if text != read_for:
                assert found.reason == "the idea changed"

    def test_may_get_its_idea_from_the_planner_where_there_is_none(self, stack: Store) -> None:
        stack.write(lambda writer: IDEAS.delete(writer, STACK))
        apply(stack, SetProject(title="Garden", idea="a garden"))
        expected = ProjectIdea(
            stack_id=STACK,
            idea="a garden",
            title="Garden",
            created_at=NOW,
            updated_at=NOW,
            updated_by="planner",
        )
        assert see(stack).idea == expected

    def test_has_a_phase(self, stack: Store) -> None:
        applied = apply(stack, SetPhase(phase=Phase.COMPLETE))
        assert applied.stack.phase is Phase.COMPLETE
        assert see(stack).stack == applied.stack


class TestTodos:
    def test_are_made(self, stack: Store) -> None:
        apply(stack, CreateTodo(content="one"), CreateTodo(content="two", priority=5, metadata={"bed": 1}))
        first, one, two = see(stack).todos
        assert first.id == TODO
        assert (one.content, one.priority, one.status) == ("one", 3, TodoStatus.PENDING)
        assert (two.content, two.priority, two.metadata) == ("two", 5, {"bed": 1})
        assert one.id < two.id
        assert (one.assigned_by, one.updated_by, one.created_at, one.closed_at) == ("planner",) * 2 + (
            NOW,
            None,
        )

    @pytest.mark.parametrize("status", [TodoStatus.COMPLETED, TodoStatus.CANCELLED])
    def test_are_closed(self, stack: Store, status: TodoStatus) -> None:
        apply(stack, UpdateTodo(todo_id=TODO, status=status), role="builder")
        (todo,) = see(stack).todos
        assert (todo.status, todo.closed_at, todo.updated_at, todo.updated_by) == (
            status,
            NOW,
            NOW,
            "builder",
        )
        assert see(stack).open_todos == ()

    def test_are_begun_and_given_back(self, stack: Store) -> None:
        apply(stack, UpdateTodo(todo_id=TODO, status=TodoStatus.IN_PROGRESS))
        assert see(stack).todos[0].status is TodoStatus.IN_PROGRESS
        apply(stack, UpdateTodo(todo_id=TODO, status=TodoStatus.PENDING))
        assert see(stack).todos[0].status is TodoStatus.PENDING
        assert see(stack).todos[0].closed_at is None

    def test_keep_what_is_not_changed(self, stack: Store) -> None:
        apply(stack, UpdateTodo(todo_id=TODO, priority=5))
        apply(stack, UpdateTodo(todo_id=TODO, content="plant two trees"))
        (todo,) = see(stack).todos
        assert (todo.priority, todo.content, todo.status) == (5, "plant two trees", TodoStatus.PENDING)

    def test_that_are_closed_stay_closed_at_their_time(self, stack: Store) -> None:
        apply(stack, UpdateTodo(todo_id=TODO, status=TodoStatus.COMPLETED))
        apply(stack, UpdateTodo(todo_id=TODO, status=TodoStatus.COMPLETED, priority=1), now=NOW + 9)
        (todo,) = see(stack).todos
        assert (todo.closed_at, todo.priority, todo.updated_at) == (NOW, 1, NOW + 9)


class TestArtifact:
    def test_versions_count_from_one(self, stack: Store) -> None:
        stack.write(lambda writer: ARTIFACTS.delete_stack(writer, STACK))
        apply(stack, PublishArtifact(content="<p>", metadata={"size": 3}), role="builder")
        artifact = see(stack).artifact
        assert artifact is not None
        assert (artifact.number, artifact.content, artifact.author) == (1, "<p>", "builder")
        assert (artifact.created_at, artifact.metadata) == (NOW, {"size": 3})

    def test_several_in_one_outcome_follow_each_other(self, stack: Store) -> None:
        apply(stack, PublishArtifact(content="second"), PublishArtifact(content="third"))
        with stack.read() as reader:
            found = [(a.number, a.content) for a in ARTIFACTS.scan(reader, STACK)]
        assert found == [(1, "<!doctype html>"), (2, "second"), (3, "third")]

    def test_a_damaged_version_does_not_keep_the_next_from_coming(self, stack: Store) -> None:
        stack.write(lambda writer: writer.put(ARTIFACTS.name, f"{STACK}/{7:08}".encode(), b"\xc1"))
        apply(stack, PublishArtifact(content="next"), saw=make_snapshot())
        artifact = see(stack).artifact
        assert artifact is not None
        assert artifact.number == 8

    def test_reviewing_it_replaces_the_recommendations(self, stack: Store) -> None:
        apply(stack, ReviewArtifact(number=1, recommendations=("a", "b")), role="reviewer")
        memory = see(stack).states["reviewer"].long_term
        assert (memory.reviewed_artifact, memory.recommendations) == (1, ("a", "b"))
        apply(stack, ReviewArtifact(number=0, recommendations=("c",)), role="reviewer")
        memory = see(stack).states["reviewer"].long_term
        assert (memory.reviewed_artifact, memory.recommendations) == (1, ("c",))

    def test_a_version_can_be_reviewed_by_who_publishes_it(self, stack: Store) -> None:
        apply(stack, PublishArtifact(content="2"), ReviewArtifact(number=2), role="reviewer")
        assert see(stack).states["reviewer"].long_term.reviewed_artifact == 2

    def test_recommendations_that_are_taken_up_are_gone_and_the_others_stay(self, stack: Store) -> None:
        apply(stack, ReviewArtifact(number=1, recommendations=("a", "b", "c")), role="reviewer")
        apply(stack, TakeRecommendations(recommendations=("a", "c", "never made")))
        state = see(stack).states["reviewer"]
        assert state.long_term.recommendations == ("b",)
        assert state.last_run_at == NOW - 1
        assert see(stack).states["planner"].long_term.recommendations == ()


class TestVisitors:
    def test_are_answered(self, stack: Store) -> None:
        apply(stack, AnswerUserMessage(message_id=MESSAGE, answer="welcome"), role="communicator")
        (message,) = see(stack).user_messages
        assert (message.answer, message.answered_at, message.planned_at) == ("welcome", NOW, None)

    def test_are_judged_by_who_answers_them(self, stack: Store) -> None:
        effect = AnswerUserMessage(message_id=MESSAGE, answer="soon", needs_planning=True)
        apply(stack, effect, role="communicator")
        assert see(stack).user_messages[0].needs_planning is True

    def test_are_answered_once(self, stack: Store) -> None:
        apply(stack, AnswerUserMessage(message_id=MESSAGE, answer="first"))
        apply(stack, AnswerUserMessage(message_id=MESSAGE, answer="second"), now=NOW + 9)
        (message,) = see(stack).user_messages
        assert (message.answer, message.answered_at) == ("first", NOW)

    def test_are_answered_once_by_one_outcome_too(self, stack: Store) -> None:
        answers = (AnswerUserMessage(message_id=MESSAGE, answer=text) for text in ("first", "second"))
        apply(stack, *answers)
        assert see(stack).user_messages[0].answer == "first"

    def test_are_planned_for(self, stack: Store) -> None:
        apply(stack, PlanUserMessages(message_ids=(MESSAGE,)))
        apply(stack, PlanUserMessages(message_ids=(MESSAGE,)), now=NOW + 9)
        (message,) = see(stack).user_messages
        assert (message.planned_at, message.answered_at) == (NOW, None)
        assert see(stack).unanswered == (message,)

    def test_both_facts_in_one_outcome_are_kept(self, stack: Store) -> None:
        apply(
            stack,
            PlanUserMessages(message_ids=(MESSAGE,)),
            AnswerUserMessage(message_id=MESSAGE, answer="soon"),
        )
        (message,) = see(stack).user_messages
        assert (message.planned_at, message.answered_at, message.answer) == (NOW, NOW, "soon")
        with stack.read() as reader:
            assert len(list(reader.scan(USER_MESSAGES.name))) == 1


def broadcast(store: Store, number: int, sender: str = OTHER) -> str:
    message = make_message(number, to_stack_id=None, from_stack_id=sender)
    return store.write(lambda writer: add_message(writer, message)).id


class TestMessages:
    def test_to_this_stack_are_read_one_by_one(self, stack: Store) -> None:
        stack.write(lambda writer: MESSAGES.put(writer, make_message(4)))
        apply(stack, ReadMessages(message_ids=(LETTER,)), role="communicator")
        assert [int(message.id) for message in see(stack).messages] == [4]
        with stack.read() as reader:
            read = MESSAGES.get(reader, STACK, LETTER)
        assert read is not None
        assert read.read_at == NOW

    def test_to_all_are_read_up_to_a_place_that_is_each_stacks_own(self, stack: Store) -> None:
        first, second, third = (broadcast(stack, number, "third") for number in (10, 11, 12))
        applied = apply(stack, ReadMessages(message_ids=(second, first, LETTER)))
        assert applied.stack.broadcasts_read == second
        assert [message.id for message in see(stack).messages] == [third]
        assert [message.id for message in see(stack, OTHER).messages] == [first, second, third]

    def test_reading_again_changes_nothing(self, stack: Store) -> None:
        place = broadcast(stack, 10)
        apply(stack, ReadMessages(message_ids=(place, LETTER)))
        applied = apply(stack, ReadMessages(message_ids=(place, LETTER)), now=NOW + 9)
        assert not applied.progress
        with stack.read() as reader:
            read = MESSAGES.get(reader, STACK, LETTER)
        assert read is not None
        assert read.read_at == NOW

    def test_phase_and_place_in_one_outcome_are_both_kept(self, stack: Store) -> None:
        place = broadcast(stack, 10)
        apply(stack, SetPhase(phase=Phase.REVIEWING), ReadMessages(message_ids=(place,)))
        assert (see(stack).stack.phase, see(stack).stack.broadcasts_read) == (Phase.REVIEWING, place)

    def test_to_another_stack_arrive_and_are_news_there(self, stack: Store) -> None:
        applied = apply(stack, SendMessage(to_stack_id=OTHER, content="apples?"))
        assert applied.written_to == {OTHER}
        received = see(stack, OTHER)
        (message,) = received.messages
        assert (message.content, message.from_stack_id, message.from_name) == ("apples?", STACK, "garden")
        assert received.stack.next_look_at == NOW
        assert received.revision[0] == 2

    def test_to_all_arrive_with_all_others(self, stack: Store) -> None:
        before = see(stack, OTHER).revision
        applied = apply(stack, SendMessage(content="one"), SendMessage(content="two"))
        assert applied.written_to == {BROADCASTS}
        assert [message.content for message in see(stack, OTHER).messages] == ["one", "two"]
        assert [message.id for message in see(stack).messages] == [LETTER]
        assert see(stack, OTHER).revision[2] == before[2] + 1

    def test_to_all_stand_after_those_there_are(self, stack: Store) -> None:
        future = make_message(0, to_stack_id=None, from_stack_id="third").but(id="e" * 32)
        stack.write(lambda writer: MESSAGES.put(writer, future))
        apply(stack, SendMessage(content="one"), SendMessage(content="two"))
        found = see(stack, OTHER).messages
        assert [message.content for message in found] == ["we have apples", "one", "two"]
        assert len({message.id for message in found}) == 3


class TestMemory:
    def test_takes_in_what_is_new(self, stack: Store) -> None:
        apply(stack, Remember(facts=("a", "b"), learnings=("x",)))
        apply(stack, Remember(facts=("b", "c")), Remember(learnings=("x", "y")))
        memory = see(stack).states["planner"].long_term
        assert (memory.facts, memory.learnings) == (("a", "b", "c"), ("x", "y"))

    def test_is_bounded_and_forgets_the_oldest(self, stack: Store) -> None:
        for start in (0, 150):
            new = tuple(f"fact {number}" for number in range(start, start + 150))
            apply(stack, Remember(facts=new, learnings=new))
        memory = see(stack).states["planner"].long_term
        for kept, most in ((memory.facts, bounds.MAX_FACTS), (memory.learnings, bounds.MAX_LEARNINGS)):
            assert len(kept) == most
            assert (kept[0], kept[-1]) == ("fact 100", "fact 299")

    def test_is_each_roles_own(self, stack: Store) -> None:
        apply(stack, Remember(facts=("a",)), SetFocus(focus="beds", active_task="dig"), role="builder")
        states = see(stack).states
        assert states["builder"].short_term == ShortTermMemory(focus="beds", active_task="dig")
        assert states["planner"].long_term.facts == ()
        assert states["planner"].last_run_at is None

    def test_what_one_outcome_says_of_one_state_is_all_kept(self, stack: Store) -> None:
        apply(
            stack,
            ReviewArtifact(number=1, recommendations=("a", "b")),
            Remember(facts=("seen",)),
            SetFocus(focus="labels"),
            TakeRecommendations(recommendations=("a",)),
            role="reviewer",
            thoughts=("hm",),
        )
        state = see(stack).states["reviewer"]
        assert state.long_term.recommendations == ("b",)
        assert (state.long_term.facts, state.long_term.reviewed_artifact) == (("seen",), 1)
        assert (state.short_term.focus, state.short_term.recent_thoughts) == ("labels", ("hm",))
        assert state.last_run_at == NOW - 1


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
    (SendMessage(to_stack_id="lost", content="hello"), "there is no stack lost"),
    (SendMessage(to_stack_id="", content="hello"), "there is no stack"),
    (ReviewArtifact(number=9), "there is no version 9 of the artifact"),
]


class TestRefusals:
    @pytest.mark.parametrize(("effect", "why"), REFUSED)
    def test_apply_nothing_of_the_outcome(self, stack: Store, effect: Any, why: str) -> None:
        stack.write(
            lambda writer: TODOS.put(writer, make_todo(8, status=TodoStatus.COMPLETED, closed_at=NOW))
        )
        stack.write(lambda writer: MESSAGES.put(writer, make_message(9, to_stack_id=OTHER)))
        before = everything(stack)
        others = (
            SetPhase(phase=Phase.COMPLETE),
            CreateTodo(content="never"),
            PublishArtifact(content="never"),
            SendMessage(content="never"),
            Remember(facts=("never",)),
        )
        # One transaction goes on after the refusal, as that of a wave does.
        refusal: list[str] = []

        def work(writer: Any) -> None:
            proposed = Outcome(effects=(*others, effect))
            try:
                apply_outcome(
                    writer, read_stack(writer, STACK), "planner", "cycle", proposed, make_snapshot(), NOW
                )
            except EffectRefusedError as error:
                refusal.append(str(error))

        stack.write(work)
        assert refusal[-1].startswith(f"planner proposed {effect.kind}: {why}")
        assert refusal[-1].endswith("; nothing of its outcome was applied")
        assert len(refusal[-1]) < 400
        assert everything(stack) == before

    def test_an_idea_that_nobody_gave_is_refused(self, stack: Store) -> None:
        stack.write(lambda writer: IDEAS.delete(writer, STACK))
        with pytest.raises(EffectRefusedError, match="planner proposed set_project: there is no idea yet"):
            apply(stack, SetProject(title="Garden"))

    @pytest.mark.parametrize(
        "outcome",
        [
            {"effects": (CreateTodo(content="bad", metadata={"n": 2**70}),)},
            {"metadata": {"half": "\ud800"}, "summary": "bad"},
        ],
    )
    def test_what_cannot_be_stored_is_found_before_anything_is(self, stack: Store, outcome: Any) -> None:
        before = everything(stack)
        good = (CreateTodo(content="good"), SendMessage(content="good"))
        proposed = Outcome(**{**outcome, "effects": (*good, *outcome.get("effects", ()))})
        refused: list[InvalidInputError] = []

        def work(writer: Any) -> None:
            try:
                apply_outcome(
                    writer, read_stack(writer, STACK), "planner", "cycle", proposed, make_snapshot(), NOW
                )
            except InvalidInputError as error:
                refused.append(error)

        stack.write(work)
        assert "cannot be stored" in str(refused[-1])
        assert everything(stack) == before


CHANGING = [
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
    def _recommendation(self, stack: Store) -> None:
        state = make_state("reviewer", recommendations=("label it",))
        stack.write(lambda writer: STATES.put(writer, state))

    @pytest.mark.parametrize("effect", CHANGING, ids=lambda effect: effect.kind)
    def test_is_what_others_can_see(self, stack: Store, effect: Any) -> None:
        role = "reviewer" if effect.kind == "review_artifact" else "planner"
        assert apply(stack, effect, role=role).progress

    @pytest.mark.parametrize("effect", REPEATABLE, ids=lambda effect: effect.kind)
    def test_is_not_what_was_so_already(self, stack: Store, effect: Any) -> None:
        role = "reviewer" if effect.kind == "review_artifact" else "planner"
        apply(stack, effect, role=role)
        assert not apply(stack, effect, role=role, now=NOW + 9).progress

    @pytest.mark.parametrize("effect", IDLE, ids=lambda effect: effect.kind)
    def test_is_not_what_changes_nothing_that_others_see(self, stack: Store, effect: Any) -> None:
        before = everything(stack)
        assert not apply(stack, effect).progress
        after = everything(stack)
        changed = {table for table in after if after[table] != before[table]}
        assert changed <= {STATES.name, TRACES.name}
        with stack.read() as reader:
            assert STATES.get(reader, STACK, "reviewer") == make_state(
                "reviewer", recommendations=("label it",)
            )

    def test_leaves_the_revision_to_the_wave(self, stack: Store) -> None:
        with stack.read() as reader:
            before = read_revision(reader, STACK)
        apply(stack, *CHANGING[:4])
        with stack.read() as reader:
            assert read_revision(reader, STACK) == before


def test_what_it_comes_to_is_what_is_stored(stack: Store) -> None:
    applied = apply(stack, SetPhase(phase=Phase.BUILDING))
    with stack.read() as reader:
        assert STACKS.get(reader, STACK) == applied.stack
    assert isinstance(applied.stack, Stack)
