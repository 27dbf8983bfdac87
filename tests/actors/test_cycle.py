"""One cycle after another: detect, graph, waves, decide, and what each leaves in the store."""

import threading

import pytest

from recursor.actors.messages import CancelTodo, ConfigureStack, RenameStack, SetIdea
from recursor.domain.commands import Command
from recursor.domain.effect import Remember, ReviewArtifact, SetPhase, SetProject
from recursor.domain.events import CycleFinished, NodeFinished, StackChanged, StackWaits
from recursor.domain.execution import DecisionKind, ExecutionStatus
from recursor.domain.graph import NodeStatus
from recursor.domain.new_records import new_idea
from recursor.domain.settings import Settings
from recursor.domain.stack import ExecutionState, Phase
from recursor.domain.todo import TodoStatus
from recursor.domain.work import WorkStatus
from recursor.orchestration.detectors import detect_planner
from recursor.orchestration.roles import Role, RoleRegistry
from recursor.storage.tables import IDEAS
from tests.actors.stage import WAIT, Cast, Gate, Player, fail, finish_todo, outcome, role, until

ALL = ("first: a", "second: b", "third: c", "last: d")


def complete(_snapshot, _run):
    return outcome(SetPhase(phase=Phase.COMPLETE), summary="complete")


def nothing(_snapshot, _run):
    return outcome()


# -- Waves -----------------------------------------------------------------------------------------------


def test_waves_run_in_order_and_the_agents_of_one_wave_in_parallel(set_stage):
    together, order = threading.Barrier(2), []

    def meet(snapshot, run):
        # Neither can pass alone.
        together.wait(WAIT)
        order.append("middle")
        return finish_todo(snapshot, run)

    def noting(name):
        def act(snapshot, run):
            order.append(name)
            return finish_todo(snapshot, run)

        return act

    cast = Cast(first=noting("first"), second=meet, third=meet, last=noting("last"))
    stage = set_stage(cast.roles())
    stack_id = stage.create(*ALL)
    stage.wait_rest(stack_id)

    assert order == ["first", "middle", "middle", "last"]
    (cycle,) = stage.cycles(stack_id)
    assert cycle.status is ExecutionStatus.COMPLETED
    assert (cycle.summary.agents_run, cycle.summary.waves, cycle.summary.max_parallel) == (4, 3, 2)
    assert {node.role: node.wave for node in stage.graph(stack_id).nodes} == {
        "first": 0,
        "second": 1,
        "third": 1,
        "last": 2,
    }


def test_an_agent_sees_what_the_waves_before_it_committed(set_stage):
    cast = Cast()
    stage = set_stage(cast.roles())
    stack_id = stage.create(*ALL)
    stage.wait_rest(stack_id)

    (seen,) = cast.last.snapshots
    assert {todo.content: todo.status for todo in seen.todos} == {
        "first: a": TodoStatus.COMPLETED,
        "second: b": TodoStatus.COMPLETED,
        "third: c": TodoStatus.COMPLETED,
        "last: d": TodoStatus.PENDING,
    }


def test_an_outcome_is_committed_together_with_the_status_of_its_node(set_stage):
    gate = Gate()
    stage = set_stage(Cast(second=gate).roles())
    stack_id = stage.create(*ALL)
    gate.wait_entered()

    # The first wave is on disk, all of it, and of the second nothing.
    assert stage.nodes(stack_id)["first"].status is NodeStatus.COMPLETED
    assert stage.todos(stack_id)["first: a"] is TodoStatus.COMPLETED
    assert stage.committed(stack_id) == ["first: a"]
    for name in ("second", "third"):
        assert stage.nodes(stack_id)[name].status is NodeStatus.RUNNING
    assert stage.todos(stack_id)["third: c"] is TodoStatus.PENDING
    assert stage.cycles(stack_id)[0].status is ExecutionStatus.RUNNING

    gate.open()
    stage.wait_rest(stack_id)
    assert sorted(stage.committed(stack_id)) == sorted(ALL)
    assert set(stage.todos(stack_id).values()) == {TodoStatus.COMPLETED}


def test_a_node_whose_work_is_gone_before_its_wave_is_skipped_with_the_reason(set_stage):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles())
    stack_id = stage.create("first: a", "second: b", start=False)
    todo = stage.add_todo(stack_id, "third: c")
    stage.tell(stack_id, Command.START)
    gate.wait_entered()
    stage.ask(CancelTodo(stack_id, todo.id))
    gate.open()
    stage.wait_rest(stack_id)

    skipped = stage.nodes(stack_id)["third"]
    assert (skipped.status, skipped.note) == (NodeStatus.SKIPPED, "no longer has work: no todo for third")
    assert not cast.third.runs
    assert stage.nodes(stack_id)["second"].status is NodeStatus.COMPLETED
    assert stage.cycles(stack_id)[0].summary.agents_skipped == 1


def test_dependents_of_a_failed_node_are_skipped_and_the_others_run_on(set_stage):
    cast = Cast(second=fail)
    stage = set_stage(cast.roles())
    stack_id = stage.create(*ALL)
    stage.wait_rest(stack_id)

    nodes = stage.nodes(stack_id, 0)
    assert {name: node.status.value for name, node in nodes.items()} == {
        "first": "completed",
        "second": "failed",
        "third": "completed",
        "last": "skipped",
    }
    assert nodes["second"].note == "ValueError: out of ideas"
    assert nodes["last"].note == "depends on second, which failed"
    cycle = stage.cycles(stack_id)[0]
    assert (cycle.status, cycle.error) == (ExecutionStatus.FAILED, "second: ValueError: out of ideas")
    assert sorted(stage.committed(stack_id)) == ["first: a", "third: c"]


def test_no_agent_runs_without_work(set_stage):
    cast = Cast()
    stage = set_stage(cast.roles())
    empty, other = stage.create(), stage.create("third: c", name="yard")
    stage.wait_rest(empty)
    stage.wait_rest(other)

    assert stage.cycles(empty) == []
    assert [run.reason for run in cast.third.runs] == ["1 for third"]
    assert cast.runs() == ["third"]


def test_a_fifth_role_takes_part_like_the_others(set_stage):
    cast, gardener = Cast(), Player()
    stage = set_stage(cast.roles(role("gardener", gardener, "last", priority=9)))
    stack_id = stage.create("gardener: water", *ALL)
    stage.wait_rest(stack_id)

    assert stage.nodes(stack_id)["gardener"].wave == 3
    assert len(gardener.runs) == 1
    with stage.store.read() as reader:
        assert reader.get("agent_states", f"{stack_id}/gardener".encode()) is not None


# -- What comes next -------------------------------------------------------------------------------------


def test_work_that_is_left_is_gone_on_with_at_once(set_stage):
    stage = set_stage()
    stack_id = stage.create(*(f"first: {n}" for n in range(5)))
    stage.wait_rest(stack_id)

    assert [c.decision.kind for c in stage.cycles(stack_id)] == [DecisionKind.CONTINUE] * 4 + [
        DecisionKind.PAUSE
    ]
    assert [c.number for c in stage.cycles(stack_id)] == [1, 2, 3, 4, 5]
    assert stage.stack(stack_id).total_cycles == 5


def test_failures_back_off_and_after_five_the_stack_is_paused_until_it_is_resumed(set_stage):
    cast = Cast(first=fail)
    stage = set_stage(cast.roles())
    stack_id = stage.create("first: a")
    for count, backoff in enumerate((5, 10, 20, 40), start=1):
        waits = stage.wait_rest(stack_id, count)
        assert waits.decision.pause == backoff
        assert waits.decision.reason == "first: ValueError: out of ideas"
        stage.clock.advance(backoff - 0.5)
        assert stage.status(stack_id).cycle is None
        assert len(cast.first.runs) == count
        stage.clock.advance(1)
    paused = stage.wait_for(StackChanged, stack_id, where=lambda e: e.state is ExecutionState.PAUSED)

    assert paused.reason == "5 failed cycles in a row; the last: first: ValueError: out of ideas"
    stack = stage.stack(stack_id)
    assert (stack.state, stack.state_reason) == (ExecutionState.PAUSED, paused.reason)
    stage.clock.advance(1000)
    assert stage.status(stack_id).cycle is None
    assert len(cast.first.runs) == 5

    cast.first.act = finish_todo
    resumed = stage.tell(stack_id, Command.RESUME)
    assert (resumed.failures_in_a_row, resumed.state_reason) == (0, None)
    stage.wait_for(StackWaits, stack_id, count=5)
    assert stage.committed(stack_id) == ["first: a"]


def test_a_success_ends_the_row_of_failures(set_stage):
    cast = Cast(first=fail)
    stage = set_stage(cast.roles())
    stack_id = stage.create("first: a")
    stage.wait_rest(stack_id)
    stage.clock.advance(5.5)
    assert stage.wait_rest(stack_id, 2).decision.pause == 10
    cast.first.act = finish_todo
    stage.clock.advance(10.5)
    stage.wait_rest(stack_id, 3)
    assert stage.stack(stack_id).failures_in_a_row == 0
    cast.first.act = fail
    stage.add_todo(stack_id, "first: b")

    assert stage.wait_rest(stack_id, 4).decision.pause == 5


def test_backoff_follows_the_settings(set_stage):
    settings = {"pause": {"first_backoff": 3, "longest_backoff": 4, "failures_allowed": 3}}
    stage = set_stage(Cast(first=fail).roles())
    stack_id = stage.create("first: a", settings=settings)
    assert stage.wait_rest(stack_id, 1).decision.pause == 3
    stage.clock.advance(3.5)
    assert stage.wait_rest(stack_id, 2).decision.pause == 4
    stage.clock.advance(4.5)
    stage.wait_for(StackChanged, stack_id, where=lambda e: e.state is ExecutionState.PAUSED)


@pytest.mark.parametrize(("due", "pause"), [(None, 30), (12.0, 12), (100.0, 30), (0.1, 1)])
def test_the_pause_is_until_the_next_due_time_within_its_bounds(set_stage, due, pause):
    def later(snapshot, _settings, now):
        at = None if due is None else now + due
        return WorkStatus(has_work=False, reason="not now", due_at=at)

    stage = set_stage(Cast().roles(Role("sleeper", later, Player(nothing))))
    stack_id = stage.create()

    assert stage.wait_rest(stack_id).decision.pause == pytest.approx(pause, abs=0.01)


def test_a_complete_stack_rests_until_an_event(set_stage):
    stage = set_stage(Cast(first=complete).roles())
    stack_id = stage.create("first: a", start=False)
    stage.ask(SetIdea(new_idea(stack_id, "a garden", stage.clock.now())))
    todo = stage.add_todo(stack_id, "first: b")

    def both(snapshot, run):
        return outcome(*finish_todo(snapshot, run).effects, SetPhase(phase=Phase.COMPLETE))

    stage.roles["first"].agent.act = both
    stage.tell(stack_id, Command.START)
    stage.wait_for(StackWaits, stack_id, where=lambda e: e.until is None)
    assert stage.stack(stack_id).next_look_at is None
    before = stage.waits(stack_id)
    stage.clock.advance(100_000)
    stage.status(stack_id)
    assert stage.waits(stack_id) == before

    stage.write_to(stack_id)
    stage.wait_for(StackWaits, stack_id, count=before + 1)
    (message,) = stage.user_messages(stack_id)
    assert message.answer == "yes, ann"
    assert todo.id


def test_an_idea_that_is_rewritten_while_the_planner_thinks_is_planned_too(set_stage):
    def plan(snapshot, _run):
        title = f"plan of {snapshot.idea.idea}"
        return outcome(SetProject(title=title), SetPhase(phase=Phase.COMPLETE), summary=title)

    gate = Gate(plan)
    stage = set_stage(RoleRegistry([Role("planner", detect_planner, Player(gate))]))
    stack_id = stage.create(start=False)
    stage.ask(SetIdea(new_idea(stack_id, "beds", stage.clock.now())))
    stage.clock.advance(1)
    stage.tell(stack_id, Command.START)
    gate.wait_entered()
    stage.clock.advance(1)
    stage.ask(SetIdea(new_idea(stack_id, "a pond", stage.clock.now())))
    stage.clock.advance(1)
    gate.open()
    stage.wait_rest(stack_id)

    with stage.store.read() as reader:
        idea = IDEAS.get(reader, stack_id)
    assert (idea.idea, idea.title, idea.updated_by) == ("a pond", "plan of a pond", "planner")
    assert stage.committed(stack_id) == ["plan of beds", "plan of a pond"]


def test_a_cycle_that_changes_nothing_is_repeated_less_and_less_often(set_stage):
    def note(_snapshot, run):
        # What an agent notes for itself is no progress.
        return outcome(Remember(facts=(f"run of {run.execution_id}",)), summary="thought")

    stage = set_stage(Cast(first=note).roles())
    stack_id = stage.create("first: a")
    for count, pause in enumerate((1, 2, 4, 8, 16, 30, 30), start=1):
        assert stage.wait_rest(stack_id, count).decision.pause == pause
        stage.clock.advance(pause + 0.1)

    assert len(stage.cycles(stack_id)) >= 7


# -- Events from outside ---------------------------------------------------------------------------------


def test_a_visitor_wakes_a_waiting_stack_at_once(set_stage):
    stage = set_stage()
    stack_id = stage.create()
    stage.wait_rest(stack_id)
    stage.write_to(stack_id)
    stage.wait_rest(stack_id, 2)

    assert [m.answer for m in stage.user_messages(stack_id)] == ["yes, ann"]


def test_a_visitor_who_writes_during_a_cycle_is_answered_in_the_next(set_stage):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles())
    stack_id = stage.create("first: a")
    gate.wait_entered()
    stage.write_to(stack_id)
    assert not cast.communicator.runs
    gate.open()
    stage.wait_rest(stack_id)

    assert [m.answer for m in stage.user_messages(stack_id)] == ["yes, ann"]
    assert stage.cycles(stack_id)[0].decision.kind is DecisionKind.CONTINUE


def test_visitors_are_answered_one_at_a_time_the_oldest_first(set_stage):
    cast = Cast()
    stage = set_stage(cast.roles())
    stack_id = stage.create(start=False)
    for sender in ("ann", "bob", "cleo"):
        stage.write_to(stack_id, sender=sender)
    stage.tell(stack_id, Command.START)
    stage.wait_rest(stack_id)

    assert [s.unanswered[0].sender for s in cast.communicator.snapshots] == ["ann", "bob", "cleo"]
    assert [m.answer for m in stage.user_messages(stack_id)] == ["yes, ann", "yes, bob", "yes, cleo"]


@pytest.mark.parametrize("seconds_in", [1, 12])
def test_a_visitor_who_writes_during_a_backoff_waits_for_its_end(set_stage, seconds_in):
    # After 10 s a stack that waits longer has been passivated: that must not shorten the wait.
    cast = Cast(first=fail)
    stage = set_stage(cast.roles())
    stack_id = stage.create("first: a", settings={"pause": {"first_backoff": 20}})
    stage.wait_rest(stack_id)
    stage.clock.advance(seconds_in)
    if seconds_in > 10:
        until(lambda: not stage.load().active_stacks, "the passivation")
    stage.write_to(stack_id)
    stage.status(stack_id)
    stage.clock.advance(19 - seconds_in)
    stage.status(stack_id)
    assert not cast.communicator.runs
    stage.clock.advance(1.5)
    stage.wait_for(CycleFinished, stack_id, count=2)

    assert [m.answer for m in stage.user_messages(stack_id)] == ["yes, ann"]


def test_a_stack_wakes_by_itself_when_its_pause_is_over(set_stage):
    found = threading.Event()

    def lately(_snapshot, _settings, _now):
        return WorkStatus(has_work=found.is_set(), priority=5 * found.is_set(), reason="it is time")

    def act(_snapshot, _run):
        found.clear()
        return outcome()

    player = Player(act)
    stage = set_stage(Cast().roles(Role("watcher", lately, player)))
    stack_id = stage.create()
    stage.wait_rest(stack_id)
    found.set()
    stage.clock.advance(29)
    stage.status(stack_id)
    assert not player.runs
    stage.clock.advance(1.5)
    stage.wait_for(CycleFinished, stack_id)

    assert len(player.runs) == 1


# -- Settings --------------------------------------------------------------------------------------------


def test_settings_of_a_stack_take_effect_at_once_and_for_it_alone(set_stage):
    cast = Cast()
    stage = set_stage(cast.roles())
    quiet = {"detection": {"minimum_priority": 9}}
    one, other = stage.create(settings=quiet), stage.create(settings=quiet, name="yard")
    for stack_id in (one, other):
        stage.wait_rest(stack_id)
        stage.add_todo(stack_id, "first: a")
        stage.wait_rest(stack_id, 2)
    assert not cast.first.runs

    changed = stage.ask(ConfigureStack(one, {"detection": {"minimum_priority": None}}))
    assert changed.settings == {}
    stage.wait_for(CycleFinished, one)
    assert stage.committed(one) == ["first: a"]
    assert stage.committed(other) == []


def test_another_name_is_told_at_once_also_of_a_stack_at_rest(set_stage):
    stage = set_stage(Cast().roles())
    stack_id = stage.create(name="garden")
    stage.wait_rest(stack_id)
    assert stage.ask(RenameStack(stack_id, "yard")).name == "yard"
    assert stage.wait_for(StackChanged, stack_id, where=lambda told: told.name == "yard").state == "running"


def test_a_stricter_setting_keeps_the_very_next_cycle_from_running(set_stage):
    cast, gate = Cast(), Gate()
    cast.first.act = gate
    stage = set_stage(cast.roles())
    stack_id = stage.create("first: a", "first: b")
    gate.wait_entered()
    stage.ask(ConfigureStack(stack_id, {"detection": {"minimum_priority": 9}}))
    gate.open()
    waits = stage.wait_rest(stack_id)

    assert len(cast.first.runs) == 1
    assert waits.decision.reason == "no role has work"


def test_a_time_limit_that_is_changed_holds_for_the_next_run(set_stage):
    cast = Cast()
    stage = set_stage(cast.roles(), settings=Settings().overridden({"limits": {"node_seconds": 60}}))
    stack_id = stage.create("first: a")
    stage.wait_rest(stack_id)
    stage.ask(ConfigureStack(stack_id, {"limits": {"node_seconds": 7}}))
    stage.add_todo(stack_id, "first: b")
    stage.wait_for(CycleFinished, stack_id, count=2)

    assert [run.settings.limits.node_seconds for run in cast.first.runs] == [60, 7]


def test_effects_that_are_refused_fail_the_node_and_leave_nothing(set_stage):
    def review_nothing(snapshot, run):
        return outcome(*finish_todo(snapshot, run).effects, ReviewArtifact(number=7), summary="reviewed")

    stage = set_stage(Cast(first=review_nothing).roles())
    stack_id = stage.create("first: a", start=False)
    stage.write_to(stack_id)
    stage.tell(stack_id, Command.START)
    stage.wait_for(NodeFinished, stack_id, count=2)

    nodes = stage.nodes(stack_id, 0)
    assert nodes["first"].note == (
        "first proposed review_artifact: there is no version 7 of the artifact; "
        "nothing of its outcome was applied"
    )
    assert stage.todos(stack_id)["first: a"] is TodoStatus.PENDING
    assert stage.committed(stack_id) == ["answered"]
