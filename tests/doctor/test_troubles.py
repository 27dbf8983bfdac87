"""Troubles made on purpose, each alone and every two together: the right diagnosis, and no other.

`python -m tests.doctor.test_troubles` prints what the doctor says of each.
"""

from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import pytest

from recursor.agents.model.keys import remedy
from recursor.doctor.catalogue import CHECKS
from recursor.doctor.check import StackCheck
from recursor.doctor.diagnosis import diagnose
from recursor.doctor.evidence import ErrorCount, Reach, RunnerEvidence
from recursor.doctor.report import Report, Severity
from recursor.domain.execution import ExecutionStatus
from recursor.domain.graph import NodeStatus
from recursor.domain.settings import Settings
from recursor.domain.spending import BudgetName
from recursor.domain.stack import ExecutionState, Phase
from recursor.domain.todo import TodoStatus
from tests.doctor.evidence import (
    healthy,
    healthy_stack,
    make_approval,
    make_day,
    make_disk,
    make_execution,
    make_load,
    make_runner,
    make_store,
    out_of_budget,
)
from tests.making import (
    NOW,
    STACK,
    make_graph,
    make_node,
    make_report,
    make_status,
    make_todo,
    make_user_message,
)

OTHER = "5eed000000000002"
HOUR = 3600.0


@dataclass(frozen=True)
class Trouble:
    """What is wrong, as evidence, and the one check that is to tell it."""

    told: str
    system: dict[str, Any] = field(default_factory=dict)
    """Fields of the evidence."""
    stack: dict[str, Any] = field(default_factory=dict)
    """Fields of the stack's record."""
    found: dict[str, Any] = field(default_factory=dict)
    """Fields of the evidence of the stack."""
    severity: Severity = Severity.PROBLEM

    @property
    def is_of_stack(self) -> bool:
        return bool(self.stack or self.found)


def errors(text: str, last_at: float = NOW - 60, role: str = "builder") -> tuple[ErrorCount, ...]:
    return (ErrorCount(role=role, text=text, count=4, first_at=NOW - 3 * HOUR, last_at=last_at),)


def away(said: str, **more: Any) -> Trouble:
    """A provider that is away: the builder waits, and nothing else could be done in the last cycle."""
    status = make_status(
        reason=f"2 todos; waiting until 12:00:00 UTC: {said}", due_at=NOW + 40, waits="provider"
    )
    found = {
        "work": make_report({"builder": status, "planner": make_status()}),
        "waits": errors(said),
        "day": make_day(completed=80, waiting=20),
        "recent": (make_execution(9, status=ExecutionStatus.WAITING),),
        **more.pop("found", {}),
    }
    return Trouble("provider", found=found, **{"severity": Severity.WARNING, **more})


CYCLE = make_execution(
    10, status=ExecutionStatus.RUNNING, started_at=NOW - 900, finished_at=None, summary=None
)
RUNS = make_node("builder", status=NodeStatus.RUNNING, started_at=NOW - 900, attempts=1)
IN_CYCLE = {"cycle": CYCLE, "graph": make_graph([RUNS], id=CYCLE.id)}
MESSAGE = {"unanswered": 2, "oldest_unanswered": make_user_message(created_at=NOW - 2 * HOUR)}
OLD_TODO = {"started_todos": (make_todo(status=TodoStatus.IN_PROGRESS, updated_at=NOW - 3 * HOUR),)}
FAILED = make_execution(9, status=ExecutionStatus.FAILED, error="builder: out of bricks")
PAUSED = {"state": ExecutionState.PAUSED, "paused_at": NOW - HOUR, "next_look_at": None}

TROUBLES = {
    "no runner": Trouble("runner", {"runner": RunnerEvidence(reach=Reach.ABSENT)}),
    "the runner is stopped with Ctrl-Z": Trouble(
        "runner", {"runner": make_runner(reach=Reach.SILENT, load=None, commanded=False)}
    ),
    "no web process": Trouble(
        "runner",
        {"runner": make_runner(reach=Reach.CHANGING, load=None, url=None, unserved="OSError: no room")},
    ),
    "the disk is nearly full": Trouble("disk-space", {"disk": make_disk(free_bytes=5)}),
    "the store is damaged": Trouble(
        "store-unreadable", {"store": make_store(problem="/data/store: damaged")}
    ),
    "the clock was set back": Trouble(
        "clock",
        {"runner": make_runner(clock_step=-HOUR)},
        {"last_activity_at": NOW + HOUR},
        severity=Severity.WARNING,
    ),
    "records are from the future": Trouble("record-times", stack={"last_activity_at": NOW + HOUR}),
    "too few slots": Trouble(
        "agents-waiting",
        {"runner": make_runner(load=make_load(agents_running=8, agents_queued=90))},
        severity=Severity.WARNING,
    ),
    "too few slots, and a cycle waits": Trouble(
        "agents-waiting",
        {"runner": make_runner(load=make_load(agents_running=8, agents_queued=90))},
        {"current_execution_id": CYCLE.id},
        IN_CYCLE,
        severity=Severity.WARNING,
    ),
    "abandoned threads": Trouble(
        "abandoned-agents",
        {"runner": make_runner(load=make_load(agents_abandoned=2))},
        severity=Severity.WARNING,
    ),
    "a damaged todo": Trouble("records", found={"unreadable": ("todos 1: not msgpack",)}),
    "a damaged todo, and paused for it": Trouble(
        "records",
        stack={**PAUSED, "state_reason": "todos 1: not msgpack"},
        found={"unreadable": ("todos 1: not msgpack",)},
    ),
    "a damaged graph": Trouble(
        "records",
        stack={"current_execution_id": CYCLE.id},
        found={"cycle": CYCLE, "graph": None, "unreadable": ("execution_graphs 1: not msgpack",)},
    ),
    "a setting of another version": Trouble(
        "settings",
        stack={**PAUSED, "settings": {"pause": {"naps": 3}}, "state_reason": "pause.naps is unknown"},
        found={"settings_problem": "pause.naps is unknown"},
    ),
    "a role is missing": Trouble(
        "roles",
        {"runner": make_runner(load=make_load(roles=("planner", "builder")))},
        found={"roles": ("planner", "gardener")},
        severity=Severity.WARNING,
    ),
    "no key": Trouble(
        "model-keys",
        {"keyed": ()},
        found={"settings": Settings().overridden({"model": {"name": "openai:a"}})},
    ),
    "paused for want of a key": Trouble(
        "model-keys",
        {"keyed": ()},
        stack={**PAUSED, "state_reason": f"planner: openai:a: no key: {remedy('openai')}, then resume"},
        found={"settings": Settings().overridden({"model": {"name": "openai:a"}})},
    ),
    "the provider answers 503": away("openai:a: HTTP 503: unavailable"),
    "the provider answers 529": away("anthropic:b: HTTP 529: Overloaded"),
    "the provider never answers": away(
        "openai:a: no answer has begun within model.call_seconds = 120: raise it if the model takes longer"
    ),
    "the provider breaks off": away("openai:a: host:443 broke off its answer"),
    "the provider is away, and all that follows": away(
        "openai:a: HTTP 503: unavailable",
        stack={"fruitless_in_a_row": 40, "failures_in_a_row": 3, "last_failure_at": NOW - HOUR},
        found={**MESSAGE, **OLD_TODO},
        severity=Severity.PROBLEM,
    ),
    "the provider was away": Trouble(
        "provider", found={"waits": errors("HTTP 503", NOW - HOUR)}, severity=Severity.PAST
    ),
    "the provider limits the rate": Trouble(
        "rate-limit",
        found={**away("openai:a: HTTP 429: slow down; provider unavailable; retry in 40 s").found},
    ),
    "runs fail at a rate limit": Trouble(
        "rate-limit",
        stack={"failures_in_a_row": 2, "last_failure_at": NOW - 20, "last_activity_at": NOW - 20},
        found={
            "errors": errors("RateLimitError: 429 Too Many Requests"),
            "day": make_day(failed=30, completed=70),
            "recent": (
                make_execution(9, status=ExecutionStatus.FAILED, error="builder: 429 Too Many Requests"),
            ),
        },
    ),
    "the rate was limited": Trouble(
        "rate-limit", found={"errors": errors("429", NOW - HOUR)}, severity=Severity.PAST
    ),
    "paused after failures": Trouble(
        "paused",
        stack={
            **PAUSED,
            "state_reason": "5 failed cycles in a row; the last: no bricks",
            "failures_in_a_row": 5,
        },
        found={
            "day": make_day(failed=30, completed=70),
            "errors": errors("no bricks"),
            **MESSAGE,
            **OLD_TODO,
        },
    ),
    "paused for a person": Trouble(
        "paused", stack={**PAUSED, "state_reason": "builder: repeated 3 times without new input"}
    ),
    "the last cycle failed": Trouble(
        "failing-now",
        stack={
            "failures_in_a_row": 2,
            "last_failure_at": NOW - 20,
            "last_activity_at": NOW - 20,
            "fruitless_in_a_row": 12,
        },
        found={"recent": (FAILED,), **OLD_TODO},
        severity=Severity.WARNING,
    ),
    "many cycles fail": Trouble(
        "failure-rate",
        stack={"failures_in_a_row": 1, "last_failure_at": NOW - 20, "last_activity_at": NOW - 20},
        found={"day": make_day(failed=30, completed=70), "errors": errors("no bricks"), "recent": (FAILED,)},
    ),
    "many cycles failed": Trouble(
        "failure-rate",
        stack={"last_failure_at": NOW - 2 * HOUR},
        found={"day": make_day(failed=30, completed=70), "errors": errors("no bricks", NOW - 2 * HOUR)},
        severity=Severity.PAST,
    ),
    "the budget is used up": Trouble(
        "budget", stack={**PAUSED, **out_of_budget(BudgetName(kind="tokens"))}, found=MESSAGE
    ),
    "in circles": Trouble(
        "loop",
        stack={"fruitless_in_a_row": 40},
        found={"work": make_report({"builder": make_status(6)})},
    ),
    "much done without input": Trouble(
        "unattended", stack={"runs_since_input": 170}, severity=Severity.WARNING
    ),
    "paused, much done without input": Trouble(
        "unattended",
        stack={**PAUSED, "versions_since_input": 100, "state_reason": "100 versions since the last input"},
    ),
    "nobody answers an agent": Trouble(
        "approvals", found={"pending": (make_approval(NOW - 13 * HOUR),)}, severity=Severity.WARNING
    ),
    "visitors wait": Trouble("unanswered", found=MESSAGE),
    "a person paused it, and visitors wait": Trouble("unanswered", stack=PAUSED, found=MESSAGE),
    "a todo that cannot be done": Trouble("todo-stuck", found=OLD_TODO, severity=Severity.WARNING),
    "due, and nobody looks": Trouble("not-looked-at", stack={"next_look_at": NOW - 900}),
    "a cycle hangs": Trouble("stuck-cycle", stack={"current_execution_id": CYCLE.id}, found=IN_CYCLE),
    "a detector misses work": Trouble(
        "work-not-seen",
        stack={"phase": Phase.COMPLETE},
        found={"work": make_report({"builder": make_status()})},
    ),
    "cycles without runs": Trouble("no-agent-runs", found={"day": make_day(agents_run=0)}),
}

# These are of a team that runs, and is in no cycle.
RUNNING = {"state": ExecutionState.RUNNING}
RUNS_ONLY = {"provider", "rate-limit", "failing-now", "failure-rate", "loop", "todo-stuck", "work-not-seen"}
IDLE_ONLY = {"provider", "rate-limit", "not-looked-at"}
TROUBLES = {
    name: replace(
        each,
        stack={
            **(RUNNING if each.told in RUNS_ONLY | IDLE_ONLY | {"stuck-cycle"} else {}),
            **({"current_execution_id": None} if each.told in IDLE_ONLY else {}),
            **({} if each.severity is not Severity.WARNING or each.told != "unattended" else RUNNING),
            **each.stack,
        },
    )
    for name, each in TROUBLES.items()
}

# What is told of all stacks together tells these of each, too.
TOLD_OF_ALL = {
    "runner": {"provider", "unanswered", "todo-stuck", "not-looked-at", "stuck-cycle"},
    "clock": {"record-times"},
    "agents-waiting": {"stuck-cycle"},
    "store-unreadable": set(),
}
TOLD_BY = {check.id: set(check.told_by) for check in CHECKS if isinstance(check, StackCheck)}
# What no two checks need tell of the same stack, as one of them has to be put right before the other shows.
HIDES = {
    "settings": {"unattended", "model-keys"},
    # A cycle whose graph is damaged does not end.
    "records": {"unanswered", "todo-stuck"},
    # Whatever a role waits for, it is not known whether the others go round in a loop.
    "provider": {"loop"},
    # Whether the provider is back shows with the next cycle that does not fail.
    "rate-limit": {"loop", "provider", "failure-rate", "failing-now"},
    "failing-now": {"loop", "provider"},
    "failure-rate": {"loop", "provider"},
}


def report_of(*troubles: Trouble, apart: bool = False) -> Report:
    """What is found where all these are, in one stack, or each in one of its own."""
    evidence = healthy(**{key: value for each in troubles for key, value in each.system.items()})
    if not any("store" in each.system for each in troubles):
        if apart:
            ids = (STACK, OTHER)
            stacks = [
                healthy_stack(each.stack, **{**each.found, "id": of})
                for each, of in zip(troubles, ids, strict=True)
            ]
        else:
            record = {key: value for each in troubles for key, value in each.stack.items()}
            fields = {key: value for each in troubles for key, value in each.found.items()}
            stacks = [healthy_stack(record, **fields)]
    else:
        # Where it cannot be read, no stack is seen.
        stacks = []
    return diagnose(evidence, stacks)


@pytest.mark.parametrize("name", TROUBLES)
def test_each_alone_is_one_finding(name: str) -> None:
    trouble = TROUBLES[name]
    report = report_of(trouble)
    said = [(each.id, each.severity) for each in report.findings]
    assert said == [(trouble.told, trouble.severity)], [each.symptom for each in report.findings]
    assert report.healthy is (trouble.severity is not Severity.PROBLEM)


def agree(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[key] == other[key] for key in one.keys() & other.keys())


def pairs(*, apart: bool) -> list[tuple[str, str]]:
    found = []
    for one, other in combinations(TROUBLES, 2):
        a, b = TROUBLES[one], TROUBLES[other]
        together = agree(a.stack, b.stack) and agree(a.found, b.found)
        if agree(a.system, b.system) and (apart or together):
            found.append((one, other))
    return found


def check_pair(one: str, other: str, *, apart: bool) -> None:
    troubles = TROUBLES[one], TROUBLES[other]
    found = {each.id for each in report_of(*troubles, apart=apart).findings}
    alone = [{each.id for each in report_of(trouble).findings} for trouble in troubles]
    expected = alone[0] | alone[1]
    assert found <= expected, f"{one} and {other}: {found - expected} is wrong"
    if "store-unreadable" in found:
        return
    for missing in expected - found:
        states = {trouble.stack.get("state") for trouble in troubles}
        if missing == "runner" and ExecutionState.PAUSED in states and not apart:
            # No stack runs.
            continue
        tells = {by for by in found if missing in TOLD_OF_ALL.get(by, set())}
        if not apart:
            tells |= found & TOLD_BY.get(missing, set())
            tells |= {by for by in found if missing in HIDES.get(by, set())}
        assert tells, f"{one} and {other}: {missing} is not told; only {found} is"


@pytest.mark.parametrize("one", TROUBLES)
def test_every_two_in_one_team(one: str) -> None:
    for pair in pairs(apart=False):
        if pair[0] == one:
            check_pair(*pair, apart=False)


@pytest.mark.parametrize("one", TROUBLES)
def test_every_two_in_two_teams(one: str) -> None:
    for pair in pairs(apart=True):
        if pair[0] == one:
            check_pair(*pair, apart=True)


def test_a_team_of_which_one_role_waits_for_its_provider_goes_in_no_circles() -> None:
    waits = make_status(reason="waiting: HTTP 503", due_at=NOW + 40, waits="provider")
    work = make_report({"builder": waits, "planner": make_status(5)})
    found = healthy_stack({"fruitless_in_a_row": 40}, work=work, waits=errors("HTTP 503"))
    assert diagnose(healthy(), [found]).findings == ()


def test_an_outage_that_is_over_says_from_when_until_when() -> None:
    report = report_of(TROUBLES["the provider was away"])
    (finding,) = report.findings
    assert (finding.since, finding.until) == (NOW - 3 * HOUR, NOW - HOUR)
    assert (report.healthy, report.problems, report.warnings, report.past) == (True, 0, 0, 1)
    assert "between 3 h and 1 h ago" in finding.evidence
    (check,) = (each for each in report.checks if each.id == "provider")
    assert (check.outcome, check.findings) == ("ok", 1)


def test_an_outage_is_not_over_before_a_cycle_has_completed() -> None:
    waited = make_execution(9, status=ExecutionStatus.WAITING)
    found = healthy_stack(waits=errors("HTTP 503", NOW - HOUR), recent=(waited,))
    assert diagnose(healthy(), [found]).findings == ()


def test_nothing_that_can_be_cured_is_to_be_deleted() -> None:
    for name, trouble in TROUBLES.items():
        for finding in report_of(trouble).findings:
            assert not any(" delete " in command for command in finding.commands), name


if __name__ == "__main__":
    print(f"{len(pairs(apart=False))} pairs in one team, {len(pairs(apart=True))} in two")  # noqa: T201
    for name, trouble in TROUBLES.items():
        told = "; ".join(f"{each.severity} {each.id}: {each.symptom}" for each in report_of(trouble).findings)
        print(f"| {name} | {told or 'nothing'} |")  # noqa: T201
