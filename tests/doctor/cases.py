"""For every check, evidence on which it finds something: an example, and what it says in each of its ways."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from recursor.doctor.diagnosis import diagnose
from recursor.doctor.evidence import (
    DirectoryEvidence,
    ErrorCount,
    Evidence,
    FailingCheck,
    Reach,
    RepositoryEvidence,
    RunnerEvidence,
    StackEvidence,
)
from recursor.doctor.report import Finding
from recursor.domain.execution import ExecutionStatus
from recursor.domain.graph import NodeStatus
from recursor.domain.settings import Settings
from recursor.domain.spending import BudgetName
from recursor.domain.stack import ExecutionState, Phase
from recursor.domain.todo import TodoStatus
from recursor.domain.workspace import Workspace
from tests.doctor.evidence import (
    broken_stack,
    healthy,
    healthy_stack,
    make_approval,
    make_day,
    make_disk,
    make_execution,
    make_load,
    make_lock,
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

Case = tuple[Evidence, StackEvidence | None]

ABSENT = RunnerEvidence(reach=Reach.ABSENT)
_CYCLE = make_execution(9, status=ExecutionStatus.RUNNING, finished_at=None, started_at=NOW - 900)
_NODE = make_node("builder", status=NodeStatus.RUNNING, started_at=NOW - 900)
_IN_CYCLE = healthy_stack(
    {"current_execution_id": _CYCLE.id}, cycle=_CYCLE, graph=make_graph([_NODE], id=_CYCLE.id), recent=()
)
_NOBODY = make_report({"builder": make_status()})
_AWAY = make_report(
    {"builder": make_status(reason="1 todo; waiting until 12:00: away", due_at=NOW + 40, waits="provider")}
)
_ASKING = Settings().overridden({"model": {"name": "openai:a", "fallback": ["anthropic:b"]}})
_STRICT = Settings().overridden({"detection": {"minimum_priority": 9}})


def _system(**fields: object) -> Case:
    return healthy(**fields), None


def _stack(found: StackEvidence, **fields: object) -> Case:
    return healthy(**fields), found


def _error(text: str, role: str = "builder") -> tuple[ErrorCount, ...]:
    return (ErrorCount(role=role, text=text, count=3, first_at=NOW - 600, last_at=NOW - 60),)


def _over(text: str) -> tuple[ErrorCount, ...]:
    return (ErrorCount(role="builder", text=text, count=3, first_at=NOW - 9000, last_at=NOW - 7200),)


def _unanswered(**fields: object) -> StackEvidence:
    state = {"state": fields.pop("state", ExecutionState.RUNNING)}
    message = make_user_message(created_at=NOW - 400)
    return healthy_stack(state, unanswered=1, oldest_unanswered=message, **fields)


def _on_repository(**fields: Any) -> StackEvidence:
    """A stack with a repository; fields of `RepositoryEvidence` are of what is on disk."""
    there = {name: fields.pop(name) for name in ("exists", "problem", "disk_bytes") if name in fields}
    tip = "9c1185a5c5e9fc54612808977ee8f548b2258d31"
    workspace = Workspace(stack_id=STACK, branch="main", tip=tip, updated_at=NOW, updated_by="integrator")
    repository = RepositoryEvidence(**{"path": "/data/repository.git", "exists": True, **there})
    return healthy_stack(workspace=workspace, repository=repository, **fields)


CASES: dict[str, list[Case]] = {
    "data-directory": [
        _system(directory=DirectoryEvidence(path="/data", exists=True, writable=False, problem="is a file")),
        _system(directory=DirectoryEvidence(path="/data", exists=False, writable=True)),
        _system(directory=DirectoryEvidence(path="/data", exists=True, writable=False), runner=ABSENT),
    ],
    "store-unreadable": [_system(store=make_store(problem="/data/store: damaged"))],
    "store-version": [
        _system(store=make_store(schema_version=2)),
        _system(store=make_store(schema_version=0)),
        _system(store=make_store(schema_version=0), runner=ABSENT),
    ],
    "lock": [
        _system(lock=make_lock(alive=False, holders=(5000,))),
        _system(lock=make_lock(here=False, alive=None, holders=())),
        _system(lock=make_lock(problem="no name", holders=())),
    ],
    "runner": [
        _stack(healthy_stack(), runner=ABSENT),
        _stack(healthy_stack({"next_look_at": None}), runner=ABSENT),
        _system(runner=make_runner(reach=Reach.SILENT, load=None)),
        _system(runner=make_runner(reach=Reach.CHANGING, load=None)),
        _system(runner=make_runner(reach=Reach.CHANGING, load=None, url=None, unserved="OSError: no room")),
    ],
    "commands": [_system(runner=make_runner(commanded=False, refusal="/data: the runner is of version 2"))],
    "disk-space": [_system(disk=make_disk(free_bytes=5)), _system(disk=make_disk(free_bytes=900_000_000))],
    "clock": [_system(runner=make_runner(clock_step=-4000.0))],
    "agents-waiting": [_system(runner=make_runner(load=make_load(agents_running=8, agents_queued=90)))],
    "abandoned-agents": [_system(runner=make_runner(load=make_load(agents_abandoned=2)))],
    "records": [
        _stack(StackEvidence(id=STACK, stack=None, unreadable=("agent_stacks: no",))),
        _stack(healthy_stack(unreadable=("todos: no",))),
        _stack(_IN_CYCLE.but(unreadable=("execution_graphs: no",), graph=None), focus=STACK),
    ],
    "settings": [
        _stack(
            healthy_stack(
                {"settings": {"pause": {"naps": 3}}, "state": ExecutionState.PAUSED}, settings_problem="naps?"
            )
        )
    ],
    "roles": [
        _stack(
            healthy_stack(roles=("planner", "gardener")),
            runner=make_runner(load=make_load(roles=("planner", "builder"))),
        )
    ],
    "model-keys": [
        _stack(healthy_stack(settings=_ASKING), keyed=("openai",)),
        _stack(healthy_stack(settings=_ASKING), keyed=()),
    ],
    "record-times": [
        _stack(healthy_stack({"last_activity_at": NOW + 100})),
        _stack(healthy_stack(recent=(make_execution(3, started_at=NOW - 9, finished_at=NOW - 90),))),
    ],
    "sandbox": [
        _stack(_on_repository(settings=Settings().overridden({"workspace": {"sandbox": "off"}}))),
        _stack(_on_repository(), sandbox_problem="sandbox: bubblewrap is not installed: apt-get install it"),
        _stack(_on_repository(), sandbox_problem="sandbox: bwrap: no user namespaces: switch them on"),
    ],
    "git": [_stack(_on_repository(), has_git=False)],
    "repository": [
        _stack(_on_repository(exists=False, problem="stack x has no repository at /data/repository.git")),
        _stack(_on_repository(problem="/data/repository.git: has no commit, the tip in the records")),
    ],
    "repository-full": [
        _stack(_on_repository(disk_bytes=9_900_000_000)),
        _stack(_on_repository(disk_bytes=11_000_000_000)),
    ],
    "checks": [
        _stack(
            _on_repository(
                failing_checks=(FailingCheck(command="pytest -q", count=3, output="no module pytest"),)
            )
        )
    ],
    "needs-person": [
        _stack(_on_repository(stuck_todos=(make_todo(1, attempts=3, problem="it conflicts in a.py"),)))
    ],
    "paused": [
        _stack(broken_stack()),
        _stack(healthy_stack({"state": ExecutionState.PAUSED, "state_reason": "the key is refused"})),
    ],
    "budget": [
        _stack(healthy_stack(out_of_budget(named)))
        for named in (BudgetName(kind="tokens"), BudgetName(kind="dollars", runner=True))
    ],
    "not-running": [
        _stack(healthy_stack({"state": state}), focus=STACK)
        for state in (ExecutionState.IDLE, ExecutionState.PAUSED, ExecutionState.STOPPED)
    ],
    "trouble": [_stack(healthy_stack(), focus=STACK, trouble="the detector of the planner raised")],
    "not-looked-at": [_stack(healthy_stack({"next_look_at": NOW - 900}))],
    "stuck-cycle": [
        _stack(_IN_CYCLE),
        _stack(_IN_CYCLE, runner=make_runner(load=make_load(agents_queued=3))),
        _stack(_IN_CYCLE.but(cycle=None)),
    ],
    "failure-rate": [
        _stack(healthy_stack(day=make_day(failed=8, completed=92), errors=_error("no bricks"))),
        _stack(healthy_stack(day=make_day(failed=30, completed=70))),
        _stack(
            healthy_stack(
                {"last_failure_at": NOW - 7200},
                day=make_day(failed=30, completed=70),
                errors=_over("no bricks"),
            )
        ),
    ],
    "failing-now": [_stack(healthy_stack({"failures_in_a_row": 2, "last_failure_at": NOW - 20}))],
    "rate-limit": [
        _stack(healthy_stack(errors=_error("429 Too Many Requests"))),
        _stack(healthy_stack(waits=_error("429 Too Many Requests"))),
        _stack(healthy_stack(waits=_over("429 Too Many Requests"))),
    ],
    "provider": [
        _stack(healthy_stack(work=_AWAY, day=make_day(waiting=2))),
        _stack(healthy_stack(waits=_over("HTTP 503"))),
    ],
    "no-agent-runs": [
        _stack(healthy_stack(day=make_day(agents_run=0))),
        _stack(healthy_stack(day=make_day(agents_run=50))),
    ],
    "work-not-seen": [
        _stack(healthy_stack({"phase": Phase.COMPLETE}, work=_NOBODY)),
        _stack(healthy_stack({"phase": Phase.COMPLETE}, work=_NOBODY, settings=_STRICT)),
    ],
    "loop": [
        _stack(healthy_stack({"fruitless_in_a_row": 4})),
        _stack(healthy_stack({"fruitless_in_a_row": 40})),
    ],
    "unattended": [
        _stack(healthy_stack({"runs_since_input": 170, "last_input_at": NOW - 900})),
        _stack(
            healthy_stack(
                {"state": ExecutionState.PAUSED, "state_reason": "200 runs", "runs_since_input": 200}
            )
        ),
    ],
    "approvals": [
        _stack(healthy_stack(pending=(make_approval(NOW - 13 * 3600), make_approval(NOW - 14 * 3600)))),
        _stack(healthy_stack(expired=(make_approval(NOW - 25 * 3600),))),
        _stack(
            healthy_stack(
                pending=(make_approval(NOW - 13 * 3600),), expired=(make_approval(NOW - 30 * 3600),)
            )
        ),
    ],
    "unanswered": [
        *(_stack(_unanswered(state=state)) for state in ExecutionState),
        _stack(_unanswered(errors=_error("mute", "communicator"))),
    ],
    "todo-stuck": [
        _stack(
            healthy_stack(
                started_todos=(make_todo(status=TodoStatus.IN_PROGRESS, updated_at=NOW - 9000),),
            )
        )
    ],
}


def findings_of(check: str) -> Iterator[Finding]:
    """What a check says in each of its cases."""
    for evidence, found in CASES[check]:
        report = diagnose(evidence, () if found is None else (found,))
        seen = [finding for finding in report.findings if finding.id == check]
        assert seen, (check, [finding.id for finding in report.findings])
        yield from seen


def all_findings() -> list[Finding]:
    return list(chain.from_iterable(findings_of(check) for check in CASES))
