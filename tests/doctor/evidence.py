"""Evidence of health, from which a test departs in the one thing it is about."""

from typing import Any

from recursor.actors.messages import OrchestratorLoad
from recursor.doctor.evidence import (
    DirectoryEvidence,
    DiskEvidence,
    Evidence,
    LockEvidence,
    Reach,
    RunnerEvidence,
    StackEvidence,
    StoreEvidence,
)
from recursor.domain.approval import Approval
from recursor.domain.execution import ExecutionStatus, GraphSummary, OrchestratorExecution
from recursor.domain.spending import BudgetName
from recursor.domain.stack import ExecutionState
from recursor.domain.statistics import Rollup
from tests.making import NOW, STACK, make_report, make_stack, make_status

PID = 4711


def make_load(**fields: Any) -> OrchestratorLoad:
    return OrchestratorLoad(
        **{
            "active_stacks": 1,
            "sleeping_stacks": 0,
            "agents_limit": 8,
            "agents_running": 1,
            "agents_queued": 0,
            "agents_abandoned": 0,
            **fields,
        }
    )


def make_runner(**fields: Any) -> RunnerEvidence:
    return RunnerEvidence(
        **{
            "reach": Reach.UP,
            "pid": PID,
            "started_at": NOW - 7200,
            "url": "http://127.0.0.1:3002",
            "commanded": True,
            "load": make_load(),
            "clock_step": -1.5,
            **fields,
        }
    )


def make_lock(**fields: Any) -> LockEvidence:
    return LockEvidence(
        **{
            "path": "/data/runner.lock",
            "held": True,
            "pid": PID,
            "host": "here",
            "started_at": NOW - 7200,
            "alive": True,
            "holders": (PID,),
            **fields,
        }
    )


def make_disk(**fields: Any) -> DiskEvidence:
    return DiskEvidence(
        **{"path": "/data", "free_bytes": 50_000_000_000, "total_bytes": 100_000_000_000, **fields}
    )


def make_store(**fields: Any) -> StoreEvidence:
    return StoreEvidence(
        **{
            "path": "/data/store",
            "exists": True,
            "bytes": 400_000,
            "schema_version": 1,
            "latest": 1,
            **fields,
        }
    )


def healthy(**fields: Any) -> Evidence:
    return Evidence(
        **{
            "now": NOW,
            "runner": make_runner(),
            "lock": make_lock(),
            "directory": DirectoryEvidence(path="/data", exists=True, writable=True),
            "disk": make_disk(),
            "store": make_store(),
            **fields,
        }
    )


def make_execution(number: int = 7, **fields: Any) -> OrchestratorExecution:
    started_at = fields.get("started_at", NOW - 600 + number)
    return OrchestratorExecution(
        **{
            "id": f"{number:032}",
            "stack_id": STACK,
            "number": number,
            "epoch": 0,
            "status": ExecutionStatus.COMPLETED,
            "started_at": started_at,
            "finished_at": started_at + 1,
            "summary": GraphSummary(agents_run=1, waves=1, max_parallel=1),
            **fields,
        }
    )


def make_day(**fields: Any) -> Rollup:
    return Rollup(
        **{
            "cycles": 100,
            "completed": 100,
            "seconds": 200.0,
            "longest": 4.0,
            "agents_run": 150,
            "parallel": 150,
            "max_parallel": 2,
            **fields,
        }
    )


def make_approval(created_at: float, **fields: Any) -> Approval:
    """A request for approval with a day to answer it."""
    return Approval(
        **{
            "id": f"{int(created_at):032}",
            "stack_id": STACK,
            "action": "run",
            "subject": "run `make`",
            "digest": "0" * 64,
            "role": "builder",
            "execution_id": "e",
            "created_at": created_at,
            "expires_at": created_at + 86_400,
            **fields,
        }
    )


def healthy_stack(stack: dict[str, Any] | None = None, **fields: Any) -> StackEvidence:
    """A running stack with work, whose builder is about to be looked at."""
    return StackEvidence(
        **{
            "id": STACK,
            "stack": make_stack(
                **{
                    "id": fields.get("id", STACK),
                    "total_cycles": 100,
                    "last_activity_at": NOW - 20,
                    "next_look_at": NOW + 10,
                    **(stack or {}),
                }
            ),
            "day": make_day(),
            "recent": tuple(make_execution(number) for number in (9, 8, 7)),
            "work": make_report({"builder": make_status(6)}),
            "work_is_current": True,
            "has_idea": True,
            "open_todos": 2,
            **fields,
        }
    )


def broken_stack(name: str = "garden", **fields: Any) -> StackEvidence:
    """A stack that was paused after failures."""
    reason = "5 failed cycles in a row; the last: builder: out of bricks"
    paused = {"state": ExecutionState.PAUSED, "state_reason": reason, "failures_in_a_row": 5}
    return healthy_stack({"name": name, "paused_at": NOW - 3600, **paused}, **fields)


def out_of_budget(budget: BudgetName, **fields: Any) -> dict[str, Any]:
    """What the record of a stack says that was paused because of that budget."""
    reason = f"builder: {budget.setting}: 60 of 150 tokens spent, and the next call needs up to 100 tokens"
    return {"state": ExecutionState.PAUSED, "state_reason": reason, "out_of_budget": budget, **fields}
