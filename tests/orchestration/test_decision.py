"""What comes after a cycle: every branch, its pause, and the bounds that no pause leaves."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recursor.domain.execution import Decision, DecisionKind
from recursor.domain.graph import NodeStatus
from recursor.domain.settings import PauseSettings
from recursor.domain.stack import ExecutionState, Stack
from recursor.orchestration.decision import (
    after_failure,
    after_work,
    backoff_ends,
    decide,
    failures_in_a_row,
    last_cycle_failed,
    summarise,
)
from tests.making import NOW, make_graph, make_node, make_report, make_stack, make_status

DEFAULTS = PauseSettings()
DONE = make_graph([make_node("planner", status=NodeStatus.COMPLETED, attempts=1)])
FAILED = make_graph(
    [
        make_node("planner", status=NodeStatus.FAILED, attempts=1, note="no model"),
        make_node("communicator", status=NodeStatus.COMPLETED, attempts=1),
        make_node("builder", status=NodeStatus.FAILED, attempts=1, note="no disk"),
    ]
)
NOTHING = make_report({"planner": make_status()})
WORK = make_report({"planner": make_status(4), "builder": make_status(8, reason="3 pending todos")})


def due_in(seconds: float) -> Any:
    return make_report({"planner": make_status(due_at=NOW + seconds)})


def after(stack: Stack, graph: Any = DONE, report: Any = NOTHING, **given: Any) -> Decision:
    return decide(stack, graph, report, **{"progress": True, "settings": DEFAULTS, "now": NOW, **given})


class TestStop:
    @pytest.mark.parametrize("state", [ExecutionState.PAUSED, ExecutionState.STOPPED, ExecutionState.IDLE])
    @pytest.mark.parametrize("graph", [DONE, FAILED])
    def test_when_the_stack_may_not_run(self, state: ExecutionState, graph: Any) -> None:
        decision = after(make_stack(state=state), graph, WORK)
        assert decision == Decision(kind=DecisionKind.STOP, reason=f"the stack is {state}")


class TestFailure:
    @pytest.mark.parametrize(
        ("before", "pause"), [(0, 5), (1, 10), (2, 20), (3, 40)], ids=["first", "second", "third", "fourth"]
    )
    def test_pauses_twice_as_long_every_time(self, before: int, pause: float) -> None:
        decision = after(make_stack(failures_in_a_row=before), FAILED, WORK)
        assert (decision.kind, decision.pause, decision.suspend) == (DecisionKind.PAUSE, pause, False)

    @pytest.mark.parametrize(("failures", "ends"), [(0, None), (1, NOW + 5), (3, NOW + 20), (99, NOW + 300)])
    def test_is_waited_out_from_the_end_of_the_cycle(self, failures: int, ends: float | None) -> None:
        stack = make_stack(failures_in_a_row=failures, last_activity_at=NOW, last_failure_at=NOW)
        assert backoff_ends(stack, DEFAULTS, NOW) == ends
        assert last_cycle_failed(stack) is (ends is not None)
        never = stack.but(last_activity_at=None, last_failure_at=None)
        assert backoff_ends(never, DEFAULTS, NOW) is None

    def test_noted_by_a_clock_that_was_ahead_is_waited_out_from_now(self) -> None:
        stack = make_stack(failures_in_a_row=1, last_activity_at=NOW + 900, last_failure_at=NOW + 900)
        assert backoff_ends(stack, DEFAULTS, NOW) == NOW + 5

    def test_is_over_when_a_later_cycle_only_waits(self) -> None:
        stack = make_stack(failures_in_a_row=3, last_activity_at=NOW, last_failure_at=NOW - 5)
        assert backoff_ends(stack, DEFAULTS, NOW) is None
        assert not last_cycle_failed(stack)

    def test_is_forgiven_when_a_person_resumes_before_the_cycle_has_ended(self) -> None:
        graph = make_graph([make_node("planner", status=NodeStatus.FAILED, finished_at=NOW)])
        resumed = make_stack(failures_in_a_row=4, resumed_at=NOW + 1)
        assert after(resumed, graph, WORK).kind is DecisionKind.CONTINUE
        assert failures_in_a_row(resumed, graph) == 0
        assert failures_in_a_row(resumed.but(resumed_at=NOW - 1), graph) == 5

    def test_names_who_failed_and_why(self) -> None:
        assert after(make_stack(), FAILED).reason == "planner: no model; builder: no disk"

    def test_suspends_after_five_in_a_row(self) -> None:
        decision = after(make_stack(failures_in_a_row=4), FAILED, WORK)
        assert decision.kind is DecisionKind.PAUSE
        assert decision.suspend
        assert decision.pause is None
        assert decision.reason == ("5 failed cycles in a row; the last: planner: no model; builder: no disk")

    def test_pauses_five_minutes_at_most(self) -> None:
        patient = PauseSettings(failures_allowed=10_000)
        pauses = [after_failure(n, "why", patient).pause for n in range(1, 12)]
        assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300, 300]
        assert after_failure(9999, "why", patient).pause == 300

    @given(
        st.integers(1, 10**6),
        st.floats(0, 1e300),
        st.floats(0, 1e300),
        st.integers(1, 10**7),
    )
    def test_stays_within_its_bounds(self, failures: int, first: float, longest: float, allowed: int) -> None:
        settings = PauseSettings(first_backoff=first, longest_backoff=longest, failures_allowed=allowed)
        decision = after_failure(failures, "why", settings)
        assert decision.suspend == (failures >= allowed)
        if not decision.suspend:
            assert decision.pause is not None
            assert min(first, longest) <= decision.pause <= longest

    def test_a_skipped_node_is_no_failure(self) -> None:
        graph = make_graph([make_node("planner", status=NodeStatus.SKIPPED, note="no longer has work")])
        assert after(make_stack(), graph, WORK).kind is DecisionKind.CONTINUE


class TestWork:
    def test_continues_at_once_with_the_most_urgent(self) -> None:
        decision = after(make_stack(), report=WORK)
        assert decision == Decision(kind=DecisionKind.CONTINUE, reason="builder has work: 3 pending todos")

    def test_continues_in_a_complete_stack_too(self) -> None:
        assert after(make_stack(phase="complete"), report=WORK).kind is DecisionKind.CONTINUE

    @pytest.mark.parametrize(("before", "pause"), [(0, 1), (1, 2), (2, 4), (4, 16), (5, 30), (10**6, 30)])
    def test_that_a_cycle_left_as_it_was_is_looked_at_less_and_less_often(
        self, before: int, pause: float
    ) -> None:
        decision = after(make_stack(fruitless_in_a_row=before), report=WORK, progress=False)
        assert (decision.kind, decision.pause) == (DecisionKind.PAUSE, pause)
        assert decision.reason == "builder has work: 3 pending todos; the last cycle changed nothing"

    def test_continues_without_progress_only_where_no_pause_is_wanted(self) -> None:
        settings = PauseSettings(after_work=0)
        assert (
            after(make_stack(), report=WORK, progress=False, settings=settings).kind is DecisionKind.CONTINUE
        )


class TestRest:
    @pytest.mark.parametrize("progress", [True, False])
    def test_a_complete_stack_rests_until_an_event(self, progress: bool) -> None:
        decision = after(make_stack(phase="complete"), progress=progress)
        assert (decision.kind, decision.pause, decision.suspend) == (DecisionKind.PAUSE, None, False)
        assert decision.reason == "Done. Waiting for a message or todo."

    def test_one_of_which_parts_are_missing_says_so(self) -> None:
        decision = after(make_stack(phase="partial"))
        assert (decision.kind, decision.pause) == (DecisionKind.PAUSE, None)
        assert decision.reason == "Done as far as possible. Waiting for a message or todo."

    @pytest.mark.parametrize(("seconds", "pause"), [(300, 300), (5, 5), (1, 1), (0.5, 1), (-10, 1)])
    def test_a_complete_stack_waits_for_its_periodic_look(self, seconds: float, pause: float) -> None:
        decision = after(make_stack(phase="complete"), report=due_in(seconds))
        assert (decision.kind, decision.pause) == (DecisionKind.PAUSE, pause)
        assert decision.reason == "Done. The next periodic check is scheduled."

    @pytest.mark.parametrize(
        ("seconds", "pause"), [(300, 30), (31, 30), (29, 29), (1, 1), (0.5, 1), (-10, 1)]
    )
    def test_any_other_waits_until_something_is_due_but_not_long(self, seconds: float, pause: float) -> None:
        decision = after(make_stack(phase="building"), report=due_in(seconds))
        assert (decision.kind, decision.pause, decision.reason) == (
            DecisionKind.PAUSE,
            pause,
            "no role has work",
        )

    @pytest.mark.parametrize(("phase", "pause"), [("building", 30), ("complete", 3600)])
    def test_a_role_that_waits_says_why_and_keeps_no_other_from_being_looked_at(
        self, phase: str, pause: float
    ) -> None:
        waits = make_status(reason="1 todo, but waits", due_at=NOW + 3600, waits="provider")
        report = make_report({"planner": make_status(), "builder": waits})
        decision = after(make_stack(phase=phase), report=report)
        assert (decision.kind, decision.pause) == (DecisionKind.PAUSE, pause)
        assert decision.reason == "builder: 1 todo, but waits"

    def test_any_other_looks_every_half_minute(self) -> None:
        assert after(make_stack(phase="building")).pause == 30


@given(
    stack=st.builds(
        make_stack,
        phase=st.sampled_from(["planning", "building", "complete"]),
        fruitless_in_a_row=st.integers(0, 10**9),
    ),
    priority=st.integers(0, 10),
    due=st.none() | st.floats(-1e6, 1e6),
    progress=st.booleans(),
    settings=st.builds(
        PauseSettings,
        after_work=st.just(0.0) | st.floats(0, 1e6),
        between_looks=st.floats(1e-3, 1e6),
    ),
)
def test_every_pause_is_within_its_bounds(
    stack: Stack, priority: int, due: float | None, progress: bool, settings: PauseSettings
) -> None:
    report = make_report(
        {
            "planner": make_status(priority),
            "reviewer": make_status(due_at=None if due is None else NOW + due),
        }
    )
    decision = after_work(stack, report, progress=progress, settings=settings, now=NOW)
    assert decision.reason
    assert not decision.suspend
    if decision.kind is DecisionKind.CONTINUE:
        assert priority
        assert progress or settings.after_work == 0
        return
    assert decision.kind is DecisionKind.PAUSE
    if decision.pause is None:
        assert stack.phase == "complete"
        assert due is None
        return
    assert decision.pause >= min(settings.after_work, settings.between_looks)
    complete_and_due = stack.phase == "complete" and not priority
    if not complete_and_due:
        assert decision.pause <= max(settings.between_looks, settings.after_work)
    elif due is not None:
        assert decision.pause <= max(due + 1e-3, settings.after_work)
    if settings.after_work:
        assert decision.pause > 0


@given(st.floats(0.001, 60), st.floats(0.001, 60), st.integers(1, 40))
def test_work_that_stays_is_never_looked_at_in_a_hot_loop(least: float, most: float, cycles: int) -> None:
    assume(least <= most)
    settings = PauseSettings(after_work=least, between_looks=most)
    waited = 0.0
    for fruitless in range(cycles):
        stack = make_stack(fruitless_in_a_row=fruitless)
        decision = after_work(stack, WORK, progress=False, settings=settings, now=NOW + waited)
        assert decision.pause is not None
        waited += decision.pause
    assert waited >= least * cycles * 0.999


class TestSummary:
    def test_counts_what_ran_and_how_wide(self) -> None:
        def ran(role: str, wave: int, status: NodeStatus, seconds: float) -> Any:
            return make_node(
                role,
                wave=wave,
                status=status,
                attempts=1,
                started_at=NOW + 10 * wave,
                finished_at=NOW + 10 * wave + seconds,
            )

        graph = make_graph(
            [
                ran("a", 0, NodeStatus.COMPLETED, 1),
                ran("b", 0, NodeStatus.FAILED, 2),
                make_node("c", wave=1, status=NodeStatus.SKIPPED),
                ran("d", 2, NodeStatus.COMPLETED, 4),
                make_node("e", wave=2, status=NodeStatus.CANCELLED, attempts=1),
            ]
        )
        summary = summarise(graph)
        assert (summary.agents_run, summary.agents_failed, summary.agents_skipped) == (3, 1, 1)
        assert (summary.waves, summary.max_parallel, summary.agent_seconds) == (2, 2, 7)

    @pytest.mark.parametrize(
        ("spans", "most"),
        [
            # One slot for two: the second waited for it.
            ([(0, 2), (2, 3)], 1),
            ([(0, 2), (1, 3), (2, 4)], 2),
            ([(0, 9), (1, 2), (3, 4)], 2),
            ([(0, 9), (1, 8), (2, 7)], 3),
            ([(1, 1)], 1),
        ],
    )
    def test_counts_as_parallel_what_was_under_way_at_the_same_time(
        self, spans: list[tuple[float, float]], most: int
    ) -> None:
        nodes = [
            make_node(
                f"role{number}",
                status=NodeStatus.COMPLETED,
                attempts=1,
                started_at=NOW + start,
                finished_at=NOW + end,
            )
            for number, (start, end) in enumerate(spans)
        ]
        assert summarise(make_graph(nodes)).max_parallel == most

    def test_of_a_graph_in_which_nobody_ran_is_nought(self) -> None:
        summary = summarise(make_graph([make_node("a", status=NodeStatus.SKIPPED)]))
        assert (summary.agents_run, summary.waves, summary.max_parallel) == (0, 0, 0)
