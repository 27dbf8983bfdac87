"""Troubles that a real orchestrator has lived through, as the doctor finds them in its store."""

from collections.abc import Callable
from typing import Any

import pytest

from recursor.doctor.evidence import Evidence
from recursor.doctor.examination import examine_stacks
from recursor.doctor.report import Report, Severity
from recursor.domain.effect import CreateTodo, Outcome, PublishArtifact
from recursor.domain.spending import AgentFailedError
from recursor.domain.stack import ExecutionState
from tests.actors.conftest import set_stage  # noqa: F401  # a fixture
from tests.actors.stage import Cast, finish_todo, until
from tests.doctor.evidence import make_runner

SAID = {
    "503": "openai:a: HTTP 503: unavailable",
    "529": "anthropic:b: HTTP 529: Overloaded",
    "silence": "openai:a: no answer has begun within model.call_seconds = 120: raise it",
    "reset": "openai:a: host:443 broke off its answer",
}


def report_of(stage: Any, stack_id: str | None = None) -> Report:
    now = stage.clock.now()
    runner = make_runner(load=stage.load(), started_at=now - 7200)
    return examine_stacks(stage.store.read, Evidence(now=now, runner=runner), stack_id)


def told(report: Report) -> list[tuple[str, Severity]]:
    return [(each.id, each.severity) for each in report.findings]


def live_until(stage: Any, stack_id: str, condition: Callable[[], Any]) -> None:
    """Let time pass between the cycles of a stack."""

    def passes() -> bool:
        if condition():
            return True
        stack = stage.stack(stack_id)
        if stack.current_execution_id is None:
            # A timer that is set for a time that has come goes off with the next advance.
            is_due = (stack.next_look_at or 0.0) <= stage.clock.now()
            stage.clock.advance(0.001 if is_due else 301)
        return False

    until(passes)


@pytest.mark.parametrize("said", SAID.values(), ids=SAID.keys())
def test_an_outage_is_one_finding_and_then_history(set_stage: Any, said: str) -> None:  # noqa: F811  # likewise
    is_away = True

    def act(snapshot: Any, run: Any) -> Outcome:
        if is_away:
            raise AgentFailedError(said, passes=True)
        return finish_todo(snapshot, run)

    stage = set_stage(Cast(first=act).roles())
    began, seen = stage.clock.now(), set()
    stack_id = stage.create("first: a", "first: b")

    def look() -> None:
        if (stage.stack(stack_id).next_look_at or 0.0) > stage.clock.now():
            # Otherwise the clock was just set, and the orchestrator has not noticed yet.
            for named in (None, stack_id):
                seen.update(told(report_of(stage, named)))

    def has_waited_long() -> bool:
        look()
        return bool(stage.stack(stack_id).total_cycles >= 12)

    live_until(stage, stack_id, has_waited_long)
    assert seen == {("provider", Severity.WARNING)}
    is_away = False
    live_until(stage, stack_id, lambda: ("provider", Severity.PAST) in told(report_of(stage)))
    finding = next(each for each in report_of(stage, stack_id).findings if each.id == "provider")
    assert said in finding.cause
    assert finding.since is not None
    assert finding.until is not None
    assert began <= finding.since < finding.until < stage.clock.now()


def test_much_done_without_input(set_stage: Any) -> None:  # noqa: F811  # likewise
    runs = 0

    def act(_snapshot: Any, _run: Any) -> Outcome:
        nonlocal runs
        runs += 1
        return Outcome(effects=(CreateTodo(content=f"first: step {runs}", priority=3),))

    stage = set_stage(Cast(first=act).roles())
    stack_id = stage.create("first: a", settings={"loop": {"runs": 5}})
    until(lambda: stage.stack(stack_id).state is ExecutionState.PAUSED, "it is paused")
    assert told(report_of(stage)) == [("unattended", Severity.PROBLEM)]


@pytest.mark.parametrize("is_too_large", [False, True])
def test_what_fails_again_and_again(set_stage: Any, is_too_large: bool) -> None:  # noqa: F811  # likewise
    def act(_snapshot: Any, _run: Any) -> Outcome:
        if not is_too_large:
            raise ValueError("out of bricks")
        return Outcome(effects=(PublishArtifact(content="x" * 5_000),))

    stage = set_stage(Cast(first=act).roles())
    stack_id = stage.create("first: a", settings={"limits": {"outcome_bytes": 2_000}})
    stage.wait_rest(stack_id)
    assert told(report_of(stage)) == [("failing-now", Severity.WARNING)]
    live_until(stage, stack_id, lambda: stage.stack(stack_id).state is ExecutionState.PAUSED)
    until(lambda: stage.stack(stack_id).current_execution_id is None, "the cycle has ended")
    for named in (None, stack_id):
        (finding,) = report_of(stage, named).findings
        assert (finding.id, finding.severity) == ("paused", Severity.PROBLEM)
        assert ("limits.outcome_bytes = 2,000" if is_too_large else "out of bricks") in finding.cause
