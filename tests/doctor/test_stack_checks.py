"""What is wrong with one stack, on both sides of every threshold, and that nothing else is found with it."""

from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest

from recursor.agents.model.keys import remedy
from recursor.doctor.diagnosis import diagnose
from recursor.doctor.evidence import ErrorCount, Evidence, Reach, RunnerEvidence, StackEvidence
from recursor.doctor.report import Finding, Severity
from recursor.doctor.stacks import look_at_stack
from recursor.domain.execution import ExecutionStatus, GraphSummary
from recursor.domain.graph import NodeStatus
from recursor.domain.settings import Settings
from recursor.domain.spending import BudgetName
from recursor.domain.stack import ExecutionState, Phase
from recursor.domain.todo import TodoStatus
from recursor.storage.commit import Commit
from recursor.storage.errors import MAKE_ROOM
from recursor.storage.opening import memory_store
from recursor.storage.tables import APPROVALS
from tests.doctor.evidence import (
    broken_stack,
    healthy,
    healthy_stack,
    make_approval,
    make_day,
    make_disk,
    make_execution,
    make_load,
    make_runner,
    out_of_budget,
)
from tests.making import (
    NOW,
    STACK,
    make_graph,
    make_node,
    make_report,
    make_stack,
    make_status,
    make_todo,
    make_user_message,
)
from tests.storing import put_all, put_stack

WARNING, PROBLEM = Severity.WARNING, Severity.PROBLEM
ABSENT = RunnerEvidence(reach=Reach.ABSENT)


def finding(found: StackEvidence, evidence: Evidence | None = None) -> Finding | None:
    """The one finding there is, if any."""
    findings = diagnose(evidence or healthy(), [found]).findings
    assert len(findings) <= 1, [each.id for each in findings]
    return findings[0] if findings else None


def expect(
    identity: str, severity: Severity | None, found: StackEvidence, evidence: Evidence | None = None
) -> Finding | None:
    seen = finding(found, evidence)
    if severity is None:
        assert seen is None
    else:
        assert seen is not None
        assert (seen.id, seen.severity) == (identity, severity)
        assert seen.stack_id == STACK
    return seen


def test_a_healthy_stack_has_nothing() -> None:
    assert finding(healthy_stack()) is None


# State


def test_paused_after_failures_tells_the_reason_and_how_to_go_on() -> None:
    seen = expect("paused", PROBLEM, broken_stack())
    assert seen is not None
    assert "out of bricks" in seen.cause
    assert seen.commands[-1] == f"recursor resume {STACK}"
    assert seen.figures == {"paused_seconds": 3600, "failures_in_a_row": 5, "total_cycles": 100}


def test_paused_by_a_person_is_their_wish() -> None:
    assert finding(healthy_stack({"state": ExecutionState.PAUSED})) is None


@pytest.mark.parametrize(
    ("named", "budget", "command"),
    [
        (BudgetName(kind="tokens"), {"tokens": 150}, "--tokens 300"),
        (BudgetName(kind="tokens"), {"tokens": 0}, "--tokens 100000"),
        (BudgetName(kind="dollars"), {"dollars": "0.50"}, "--dollars 1.00"),
        (BudgetName(kind="tokens", needed=Decimal(31_344)), {"tokens": 1000}, "--tokens 62688"),
        (BudgetName(kind="tokens", needed=Decimal(31_344)), {"tokens": 0}, "--tokens 62688"),
        (BudgetName(kind="dollars", needed=Decimal("0.61171")), {"dollars": "0.50"}, "--dollars 1.23"),
        (BudgetName(kind="runs_per_hour"), {"runs_per_hour": 4}, "--runs-per-hour 8"),
        (
            BudgetName(kind="tokens", role="builder"),
            {"role_tokens": {"builder": 5}},
            "--role builder --tokens 10",
        ),
    ],
)
def test_out_of_budget_is_told_with_the_command_that_raises_it_and_resumes(
    named: BudgetName, budget: dict[str, Any], command: str
) -> None:
    paused = out_of_budget(named, paused_at=NOW - 60)
    day = make_day(input_tokens=90_000, cost="1.5")
    settings = Settings().overridden({"budget": budget})
    seen = expect("budget", PROBLEM, healthy_stack(paused, day=day, settings=settings))
    assert seen is not None
    assert "90,000 tokens, $1.50" in seen.evidence
    assert seen.commands[-1] == f"recursor budget {STACK} {command} --resume"


def test_a_budget_that_no_call_fits_into_is_not_called_used_up() -> None:
    named = BudgetName(kind="tokens", needed=Decimal(18_306), call=Decimal(18_306))
    seen = expect("budget", PROBLEM, healthy_stack(out_of_budget(named)))
    assert seen is not None
    assert "used up" not in seen.symptom
    assert "too small for the next call, which needs up to 18,306 tokens" in seen.symptom


def test_a_team_whose_provider_is_away_waits_and_nothing_else_is_found() -> None:
    away = make_status(reason="1 todo; waiting until 12:00:00 UTC: 503", due_at=NOW + 40, waits="provider")
    day = make_day(completed=90, waiting=10, agents_waiting=10)
    waiting = healthy_stack(work=make_report({"builder": away}), day=day, open_todos=1)
    seen = expect("provider", Severity.WARNING, waiting)
    assert seen is not None
    assert "503" in seen.cause
    assert "next try in 40 s" in seen.evidence
    for_budget = make_report({"builder": away.but(waits="budget")})
    expect("provider", None, waiting.but(work=for_budget))


def test_what_all_stacks_share_is_raised_to_what_the_next_call_needs() -> None:
    paused = out_of_budget(BudgetName(kind="tokens", runner=True, needed=Decimal(31_344)))
    seen = expect("budget", PROBLEM, healthy_stack(paused))
    assert seen is not None
    assert "recursor budget --tokens 62688" in seen.fix


def test_what_all_stacks_share_is_raised_for_all() -> None:
    paused = out_of_budget(BudgetName(kind="dollars", runner=True))
    seen = expect("budget", PROBLEM, healthy_stack(paused))
    assert seen is not None
    assert "recursor budget --dollars 1," in seen.fix
    assert seen.commands[-1] == f"recursor resume {STACK}"


@pytest.mark.parametrize(
    ("state", "command"),
    [
        (ExecutionState.IDLE, "start"),
        (ExecutionState.STOPPED, "start"),
        (ExecutionState.PAUSED, "resume"),
    ],
)
def test_a_stack_somebody_asks_about_is_told_not_to_run(state: ExecutionState, command: str) -> None:
    seen = expect("not-running", WARNING, healthy_stack({"state": state}), healthy(focus=STACK))
    assert seen is not None
    assert seen.commands == (f"recursor {command} {STACK}",)


def test_what_a_supervisor_says_is_told_of_the_one_stack() -> None:
    troubled = healthy(focus=STACK, trouble="no room on the disk")
    seen = expect("trouble", PROBLEM, healthy_stack(), troubled)
    assert seen is not None
    assert seen.cause == "no room on the disk"
    other = healthy_stack(id="5eed000000000002")
    assert diagnose(troubled, [other]).findings == ()


def test_a_full_disk_is_told_once() -> None:
    trouble = f"/data: No space left on device: nothing of this was written: {MAKE_ROOM}, then try again"
    full = healthy(focus=STACK, trouble=trouble, disk=make_disk(free_bytes=5))
    assert [each.id for each in diagnose(full, [healthy_stack()]).findings] == ["disk-space"]
    # A quota may be used up while the disk has room.
    quota = healthy(focus=STACK, trouble=trouble)
    assert [each.id for each in diagnose(quota, [healthy_stack()]).findings] == ["trouble"]


def test_a_stack_that_is_paused_for_want_of_a_key_is_told_once_and_how_to_continue() -> None:
    reason = f"planner: openai:a: no key: {remedy('openai')}, then resume"
    settings = Settings().overridden({"model": {"name": "openai:a"}})
    paused = healthy_stack({"state": ExecutionState.PAUSED, "state_reason": reason}, settings=settings)
    (seen,) = diagnose(healthy(keyed=()), [paused]).findings
    assert (seen.id, seen.symptom) == ("model-keys", "A model has no key: the stack is paused")
    assert seen.cause == reason
    assert seen.commands[-1] == f"recursor resume {STACK}"
    # Once there is a key, only the pause is left.
    (seen,) = diagnose(healthy(keyed=("openai",)), [paused]).findings
    assert seen.id == "paused"


# Looks and cycles


@pytest.mark.parametrize(("late", "severity"), [(60, None), (61, PROBLEM)])
def test_due_and_not_looked_at(late: float, severity: Severity | None) -> None:
    expect("not-looked-at", severity, healthy_stack({"next_look_at": NOW - late}))


def test_what_was_due_before_the_runner_came_up_gets_its_time() -> None:
    just_up = healthy(runner=make_runner(started_at=NOW - 30))
    assert finding(healthy_stack({"next_look_at": NOW - 9000}), just_up) is None


def test_a_stack_at_rest_is_not_due() -> None:
    assert finding(healthy_stack({"next_look_at": None})) is None


def in_cycle(age: float, *nodes: Any, state: ExecutionState = ExecutionState.RUNNING) -> StackEvidence:
    """A stack in a cycle that began `age` seconds ago."""
    cycle = make_execution(
        10, status=ExecutionStatus.RUNNING, started_at=NOW - age, finished_at=None, summary=None
    )
    graph = make_graph(nodes or (running_node(age),), id=cycle.id)
    stack = {"current_execution_id": cycle.id, "state": state}
    return healthy_stack(stack, cycle=cycle, graph=graph, recent=(cycle,))


def running_node(age: float, role: str = "builder", wave: int = 0) -> Any:
    return make_node(role, status=NodeStatus.RUNNING, started_at=NOW - age, attempts=1, wave=wave)


@pytest.mark.parametrize(("age", "severity"), [(330, None), (331, PROBLEM)])
def test_a_run_that_outlives_its_limit(age: float, severity: Severity | None) -> None:
    seen = expect("stuck-cycle", severity, in_cycle(age))
    if seen is not None:
        assert "builder for 5 min 31 s" in seen.evidence
        assert seen.commands == (f"recursor stop {STACK}", f"recursor start {STACK}")


@pytest.mark.parametrize(("age", "severity"), [(630, None), (631, PROBLEM)])
def test_a_cycle_that_outlives_the_limits_of_its_waves(age: float, severity: Severity | None) -> None:
    done = make_node("planner", status=NodeStatus.COMPLETED)
    expect("stuck-cycle", severity, in_cycle(age, done, running_node(100, wave=1)))


def test_the_limit_is_the_stacks_own() -> None:
    patient = Settings().overridden({"limits": {"node_seconds": 3600}})
    assert finding(in_cycle(3000).but(settings=patient)) is None


def test_a_run_that_waits_for_a_place_has_not_outlived_anything_yet() -> None:
    waiting = healthy(runner=make_runner(load=make_load(agents_running=8, agents_queued=1)))
    expect("stuck-cycle", WARNING, in_cycle(900), waiting)


def test_a_cycle_that_nobody_goes_on_with() -> None:
    report = diagnose(healthy(runner=ABSENT), [in_cycle(10)])
    assert [each.id for each in report.findings] == ["runner"]


def test_the_cycle_of_a_paused_stack_waits_for_its_resume() -> None:
    assert finding(in_cycle(9000, state=ExecutionState.PAUSED), healthy(runner=ABSENT)) is None


@pytest.mark.parametrize("missing", ["cycle", "graph"])
def test_a_cycle_without_a_record(missing: str) -> None:
    seen = expect("stuck-cycle", PROBLEM, in_cycle(10).but(**{missing: None}))
    assert seen is not None
    assert seen.commands == (f"recursor stop {STACK}", f"recursor start {STACK}")


# Failures


def failing(completed: int, failed: int, *errors: ErrorCount) -> StackEvidence:
    day = make_day(cycles=completed + failed, completed=completed, failed=failed, agents_failed=failed)
    return healthy_stack(day=day, errors=errors)


def error(text: str, count: int = 1, role: str = "builder") -> ErrorCount:
    return ErrorCount(role=role, text=text, count=count, first_at=NOW - 600, last_at=NOW - 60)


@pytest.mark.parametrize(
    ("completed", "failed", "severity"),
    [
        (95, 5, None),
        (94, 6, WARNING),
        (90, 10, WARNING),
        (89, 11, PROBLEM),
        (3, 2, PROBLEM),
        # Too few cycles, or a single failure, say little.
        (2, 2, None),
        (9, 1, None),
    ],
)
def test_the_success_rate(completed: int, failed: int, severity: Severity | None) -> None:
    expect("failure-rate", severity, failing(completed, failed, error("no bricks")))


def test_the_most_frequent_errors_are_told_by_role() -> None:
    errors = [error("no bricks", 7), error("no plan", 3, "planner"), error("a", 2), error("b"), error("c")]
    seen = expect("failure-rate", PROBLEM, failing(50, 14, *errors))
    assert seen is not None
    assert seen.cause == (
        "builder, 7 times: no bricks; planner, 3 times: no plan; builder, 2 times: a; and 2 other errors"
    )
    assert seen.figures["errors"] == [
        {"role": each.role, "text": each.text, "count": each.count} for each in errors
    ]


@pytest.mark.parametrize(
    "text",
    [
        "HTTPError: 429 Client Error",
        "RateLimitError: slow down",
        "rate limit exceeded",
        "Too many requests",
        "ThrottlingException",
        "RESOURCE_EXHAUSTED",
    ],
)
def test_a_service_that_refuses_is_told_apart_from_other_failures(text: str) -> None:
    seen = expect("rate-limit", PROBLEM, failing(100, 1, error(text)))
    assert seen is not None
    assert seen.commands[-1] == "recursor run --agents 4"
    assert finding(failing(100, 1, error("ValueError: 4290 bricks"))) is None


def test_failing_now_tells_when_the_next_try_is() -> None:
    stack = {"failures_in_a_row": 3, "last_activity_at": NOW - 5, "last_failure_at": NOW - 5}
    failed = make_execution(9, status=ExecutionStatus.FAILED, error="builder: no\n bricks")
    seen = expect("failing-now", WARNING, healthy_stack(stack, recent=(failed,)))
    assert seen is not None
    assert seen.cause == "builder: no bricks"
    assert seen.evidence == "3 failed cycles in a row; it is paused after 5; next try in 15 s"


def test_failing_now_is_none_whose_last_cycle_only_waits_for_a_provider() -> None:
    stack = {"failures_in_a_row": 3, "last_activity_at": NOW - 5, "last_failure_at": NOW - 50}
    expect("failing-now", None, healthy_stack(stack))


# Work


@pytest.mark.parametrize(
    ("cycles", "runs", "severity"),
    [(2, 0, None), (3, 0, PROBLEM), (100, 95, None), (100, 94, WARNING), (19, 10, None), (20, 10, WARNING)],
)
def test_cycles_without_runs(cycles: int, runs: int, severity: Severity | None) -> None:
    day = make_day(cycles=cycles, completed=cycles, agents_run=runs)
    expect("no-agent-runs", severity, healthy_stack(day=day))


def test_idle_cycles_are_counted_where_they_can_be_seen() -> None:
    """Busy cycles run several agents each, which would hide the idle ones in a sum."""
    idle = [make_execution(number, summary=GraphSummary()) for number in range(30, 23, -1)]
    expect("no-agent-runs", WARNING, healthy_stack(recent=tuple(idle)))


def nobody(**fields: Any) -> StackEvidence:
    """A stack in which, by the work status, nobody has work."""
    roles = ("planner", "builder", "communicator", "reviewer")
    return healthy_stack(
        {"phase": Phase.COMPLETE, **fields.pop("stack", {})},
        **{"work": make_report({role: make_status() for role in roles}), "open_todos": 0, **fields},
    )


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"open_todos": 2}, "2 open todos"),
        ({"has_idea": False}, "no project idea"),
        ({"unread": 1}, "1 unread message from other stacks"),
        ({"stack": {"phase": Phase.BUILDING}}, "in phase building"),
    ],
)
def test_something_to_do_that_nobody_sees(fields: dict[str, Any], told: str) -> None:
    seen = expect("work-not-seen", PROBLEM, nobody(**fields))
    assert seen is not None
    assert told in seen.evidence


def test_nothing_to_do_and_nobody_has_work_is_rest() -> None:
    assert finding(nobody()) is None


def test_a_work_status_that_is_out_of_date_says_nothing() -> None:
    assert finding(nobody(open_todos=2, work_is_current=False)) is None


def test_a_threshold_that_hides_work_is_named() -> None:
    strict = Settings().overridden({"detection": {"minimum_priority": 9}})
    seen = expect("work-not-seen", PROBLEM, nobody(open_todos=2, settings=strict))
    assert seen is not None
    assert "detection.minimum_priority is 9" in seen.cause
    assert seen.commands[-1] == f"recursor configure {STACK} --set detection.minimum_priority=1"


# Loops


@pytest.mark.parametrize(
    ("count", "severity"), [(2, None), (3, WARNING), (9, WARNING), (10, PROBLEM), (500, PROBLEM)]
)
def test_a_loop(count: int, severity: Severity | None) -> None:
    expect("loop", severity, healthy_stack({"fruitless_in_a_row": count}))


def test_a_loop_is_over_when_nobody_has_work_any_more() -> None:
    assert finding(nobody(stack={"fruitless_in_a_row": 12})) is None


# Waiting


def unanswered(age: float, **stack: Any) -> StackEvidence:
    message = make_user_message(created_at=NOW - age)
    return healthy_stack(stack, unanswered=2, oldest_unanswered=message)


@pytest.mark.parametrize(("age", "severity"), [(300, None), (301, WARNING), (3600, WARNING), (3601, PROBLEM)])
def test_visitors_who_wait(age: float, severity: Severity | None) -> None:
    expect("unanswered", severity, unanswered(age))


@pytest.mark.parametrize(("hours", "severity"), [(12, None), (12.1, WARNING), (23.9, WARNING)])
def test_agents_who_wait_for_approval(hours: float, severity: Severity | None) -> None:
    seen = expect("approvals", severity, healthy_stack(pending=(make_approval(NOW - hours * 3600),)))
    if seen is not None:
        asked = f"{int(NOW - hours * 3600):032}"
        assert seen.commands == (
            f"recursor approvals {STACK}",
            f"recursor approve {asked}",
            f"recursor reject {asked}",
        )
        assert "builder asks to run `make`" in seen.evidence


def test_requests_are_read_from_the_store() -> None:
    waits = make_approval(NOW - 13 * 3600)
    unseen = make_approval(NOW - 30 * 3600)
    late, past, answered = (
        make_approval(NOW - hours * 3600, status="rejected", answered_at=NOW - (hours - 24) * 3600)
        for hours in (25, 50, 26)
    )
    answered = answered.but(answered_by="Ann")
    with closing(memory_store()) as store:

        def put(commit: Commit) -> None:
            put_stack(commit, make_stack())
            for approval in (waits, unseen, late, past, answered):
                APPROVALS.put(commit, approval)

        put_all(store, put)
        with store.read() as reader:
            found = look_at_stack(reader, STACK, Settings(), NOW)
    assert found is not None
    assert found.pending == (waits,)
    # Nothing has rejected `unseen` yet, as its stack was not looked at since.
    assert found.expired == (unseen, late)


def test_a_request_that_nobody_answered() -> None:
    seen = expect("approvals", Severity.PAST, healthy_stack(expired=(make_approval(NOW - 25 * 3600),)))
    assert seen is not None
    assert seen.until == NOW - 3600
    assert seen.commands == (f"recursor approvals {STACK} --all",)


@pytest.mark.parametrize(
    ("state", "command"),
    [
        (ExecutionState.PAUSED, "resume"),
        (ExecutionState.STOPPED, "start"),
        (ExecutionState.IDLE, "start"),
        (ExecutionState.RUNNING, "work"),
    ],
)
def test_who_waits_is_told_what_would_help(state: ExecutionState, command: str) -> None:
    seen = expect("unanswered", WARNING, unanswered(400, state=state))
    assert seen is not None
    assert seen.commands[0] == f"recursor {command} {STACK}"


def test_a_communicator_that_fails_is_why_visitors_wait() -> None:
    found = unanswered(400).but(errors=(error("no voice", role="communicator"),))
    seen = expect("unanswered", WARNING, found)
    assert seen is not None
    assert seen.cause == "The communicator fails: no voice"


@pytest.mark.parametrize(("age", "severity"), [(3600, None), (3601, WARNING)])
def test_todos_in_progress_for_ever(age: float, severity: Severity | None) -> None:
    todo = make_todo(status=TodoStatus.IN_PROGRESS, updated_at=NOW - age)
    seen = expect("todo-stuck", severity, healthy_stack(started_todos=(todo,)))
    if seen is not None:
        assert seen.commands == (f"recursor todos {STACK} --cancel {todo.id}",)


# Records


def test_a_stack_that_cannot_be_read() -> None:
    seen = expect("records", PROBLEM, StackEvidence(id=STACK, stack=None, unreadable=("agent_stacks: no",)))
    assert seen is not None
    assert seen.stack == STACK
    assert seen.commands == (f"recursor delete {STACK}",)


@pytest.mark.parametrize(
    ("stack", "cure"),
    [
        ({}, ("pause", "repair", "resume")),
        ({"state": "paused"}, ("repair", "resume")),
        ({"state": "stopped"}, ("repair",)),
        ({"state": "paused", "current_execution_id": "1" * 32}, ("stop", "repair", "start")),
    ],
)
def test_a_stack_can_do_without_records_that_cannot_be_read(
    stack: dict[str, Any], cure: tuple[str, ...]
) -> None:
    found = healthy_stack(stack, unreadable=("todos 1: no", "todos 2: no"))
    seen = expect("records", PROBLEM, found)
    assert seen is not None
    assert seen.commands == tuple(f"recursor {command} {STACK}" for command in cure)
    assert seen.figures["records"] == 2


def test_settings_that_cannot_be_used() -> None:
    stack = {"settings": {"pause": {"after_wrok": 1}}}
    seen = expect("settings", PROBLEM, healthy_stack(stack, settings_problem="unknown key"))
    assert seen is not None
    assert seen.commands == (f"recursor configure {STACK} --unset pause.after_wrok",)


# Time


@pytest.mark.parametrize(("ahead", "severity"), [(5, None), (6, PROBLEM)])
@pytest.mark.parametrize(
    "field", ["created_at", "started_at", "resumed_at", "last_input_at", "last_activity_at"]
)
def test_records_from_the_future(field: str, ahead: float, severity: Severity | None) -> None:
    seen = expect("record-times", severity, healthy_stack({field: NOW + ahead}))
    if seen is not None:
        assert seen.figures == {"ahead_seconds": ahead}


def test_a_due_time_in_the_future_is_what_it_should_be() -> None:
    assert finding(healthy_stack({"next_look_at": NOW + 9e9})) is None


@pytest.mark.parametrize(("back", "severity"), [(5, None), (6, WARNING)])
def test_cycles_in_another_order_than_their_numbers(back: float, severity: Severity | None) -> None:
    """The clock went back: the later cycle got the earlier id, and so is listed before it."""
    later = make_execution(8, id="a" * 32, started_at=NOW - 100 - back)
    earlier = make_execution(7, id="b" * 32, started_at=NOW - 100)
    seen = expect("record-times", severity, healthy_stack(recent=(earlier, later)))
    if seen is not None:
        assert seen.figures["largest_seconds"] == back


@pytest.mark.parametrize(("back", "severity"), [(5, None), (6, WARNING)])
def test_a_cycle_that_ended_before_it_began(back: float, severity: Severity | None) -> None:
    cycle = make_execution(8, started_at=NOW - 100, finished_at=NOW - 100 - back)
    expect("record-times", severity, healthy_stack(recent=(cycle,)))


def test_numbers_that_an_older_recursor_began_anew_with_a_new_epoch() -> None:
    recent = (make_execution(1, epoch=1, started_at=NOW - 10), make_execution(9, started_at=NOW - 100))
    assert finding(healthy_stack(recent=recent)) is None
