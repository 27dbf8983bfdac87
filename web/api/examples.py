"""Example answers in the OpenAPI document: real records of a fictitious stack, so that they are always
valid."""

from decimal import Decimal
from typing import Any

from recursor.actors.messages import OrchestratorLoad, RunningAgent, StackStatus
from recursor.doctor.diagnosis import diagnose
from recursor.doctor.evidence import Condition, Evidence, Reach, RunnerEvidence, StackEvidence
from recursor.domain.agent_state import AgentState, LongTermMemory, ShortTermMemory
from recursor.domain.approval import Approval, ApprovalStatus
from recursor.domain.core_record import AnyRecord
from recursor.domain.execution import (
    Decision,
    DecisionKind,
    ExecutionStatus,
    GraphSummary,
    OrchestratorExecution,
)
from recursor.domain.graph import ExecutionGraph, Node, NodeStatus, Usage
from recursor.domain.log import LogPage
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import Artifact, ProjectIdea
from recursor.domain.record import iso
from recursor.domain.settings import Settings
from recursor.domain.spending import Budget, Spend, Spending, StackSpending
from recursor.domain.stack import ExecutionState, Phase, Stack
from recursor.domain.statistics import OrchestrationStats, Rollup, SpanStats, TotalStats, Use
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.trace import Trace
from recursor.domain.work import WorkReport, WorkStatus
from recursor.domain.workspace import CheckResult, CommitProposal, ProposalStatus, Pull, Workspace
from recursor.storage.overview import ArtifactInfo, Overview
from recursor.storage.sql.description import TableColumn, TableDescription
from recursor.storage.sql.result import ResultColumn, SqlResult
from recursor.storage.stack_listing import ActiveRole, StackListed, StackPage
from recursor.web.api.models import (
    ChangedFile,
    CommitInfo,
    Comparison,
    FileEntry,
    FilePage,
    Removed,
    Repaired,
    UnreadableRecord,
    WorkspaceInfo,
)

_NOW = 1_769_860_800.0  # 2026-01-31T12:00:00Z
_DAY = 86_400.0
_STACK, _OTHER = "4f1d2c3b5a697887", "0a1b2c3d4e5f6071"
_ID, _EXECUTION = "019c14a1b7007a3e8c2f0d5e6b7a8990", "019c14a2c1007b4f9d3a1e6f7c8b9aa1"
_TIP, _BEGINNING = "9c1185a5c5e9fc54612808977ee8f548b2258d31", "1f7a7a472abf3dd9643fd615f6da379c4acb3e3a"
_PAGE = "<!doctype html><title>Garden</title><h1>What to sow in January</h1>"

_stack = Stack(
    id=_STACK,
    name="Garden",
    phase=Phase.BUILDING,
    state=ExecutionState.RUNNING,
    created_at=_NOW - 3600,
    started_at=_NOW - 3590,
    last_input_at=_NOW - 3600,
    last_activity_at=_NOW - 4,
    total_cycles=12,
    last_cycle=12,
    next_look_at=_NOW + 1,
)
_removed = Removed(
    removed={"executions": 3, "traces": 9, "todos": 0, "messages": 0, "user_messages": 0, "artifacts": 0},
    bytes=4711,
)
_paused = _stack.but(state=ExecutionState.PAUSED, paused_at=_NOW, next_look_at=None)
_idea = ProjectIdea(
    stack_id=_STACK,
    idea="a planner for small gardens",
    title="Garden planner",
    description="Beds, sowing dates and a calendar on one page.",
    features=("beds", "calendar"),
    created_at=_NOW - 3600,
    updated_at=_NOW - 3500,
    updated_by="planner",
)
_todo = Todo(
    id=_ID,
    stack_id=_STACK,
    content="Let visitors print the plan",
    priority=4,
    assigned_by="user",
    created_at=_NOW - 60,
    updated_at=_NOW - 60,
    updated_by="user",
)
_approval = Approval(
    id=_ID,
    stack_id=_STACK,
    action="merge",
    subject="merge “Remove the old search”",
    detail="2 files, 40 insertions, 12 deletions\nsearch.py\ntests/test_search.py",
    digest="5b0e1c4d9f3a27688c1e0d94b7a65f2e3c1d0a9b",
    why="Full-text search",
    role="builder",
    todo_id=_OTHER,
    execution_id=_EXECUTION,
    created_at=_NOW - 60,
    expires_at=_NOW + 86_340,
)
_user_message = UserMessage(
    id=_ID,
    stack_id=_STACK,
    sender="Ada",
    content="Could you add a search?",
    created_at=_NOW - 30,
    answer="Yes: the planner has taken it up.",
    answered_at=_NOW - 20,
    planned_at=_NOW - 10,
    needs_planning=True,
)
_message = Message(
    id=_ID,
    from_stack_id=_OTHER,
    from_name="Orchard",
    to_stack_id=_STACK,
    content="We publish a list of plants: use it.",
    created_at=_NOW - 45,
)
_artifact = Artifact(id=_ID, stack_id=_STACK, number=3, content=_PAGE, author="builder", created_at=_NOW - 5)
_artifact_info = ArtifactInfo(number=3, author="builder", created_at=_NOW - 5, bytes=len(_PAGE))
_execution = OrchestratorExecution(
    id=_EXECUTION,
    stack_id=_STACK,
    number=12,
    epoch=0,
    status=ExecutionStatus.COMPLETED,
    started_at=_NOW - 10,
    finished_at=_NOW - 4,
    decision=Decision(kind=DecisionKind.PAUSE, pause=5.0, reason="nobody has urgent work"),
    summary=GraphSummary(
        agents_run=2,
        waves=2,
        max_parallel=1,
        agent_seconds=5.5,
        input_tokens=1200,
        output_tokens=340,
        cost=Decimal("0.00098"),
    ),
)
_usage = Usage(model="openai:gpt-5-mini", input_tokens=1200, output_tokens=340, cost=Decimal("0.00098"))
_graph = ExecutionGraph(
    id=_EXECUTION,
    stack_id=_STACK,
    created_at=_NOW - 10,
    nodes=(
        Node(
            role="builder",
            priority=7,
            reason="3 pending todos",
            wave=0,
            status=NodeStatus.COMPLETED,
            attempts=1,
            started_at=_NOW - 10,
            finished_at=_NOW - 6,
            usage=_usage,
        ),
        Node(
            role="reviewer",
            priority=5,
            reason="2 todos completed since the last review",
            dependencies=("builder",),
            wave=1,
            status=NodeStatus.COMPLETED,
            attempts=1,
            started_at=_NOW - 6,
            finished_at=_NOW - 4,
        ),
    ),
)
_agent = AgentState(
    stack_id=_STACK,
    role="builder",
    last_run_at=_NOW - 10,
    long_term=LongTermMemory(learnings=("visitors read on small screens",)),
    short_term=ShortTermMemory(active_task="Let visitors print the plan"),
    updated_at=_NOW - 6,
)
_work = WorkReport(
    stack_id=_STACK,
    computed_at=_NOW,
    statuses={
        "builder": WorkStatus(has_work=True, priority=7, reason="3 pending todos"),
        "communicator": WorkStatus(has_work=False, reason="no unanswered messages"),
    },
)
_trace = Trace(
    id=_ID,
    stack_id=_STACK,
    execution_id=_EXECUTION,
    role="builder",
    created_at=_NOW - 6,
    summary="Added a calendar to the page",
    thoughts=("A month fits on a phone when weeks are rows.",),
    effects=("publish_artifact", "update_todo"),
)
_use = Use(runs=12, input_tokens=14_400, output_tokens=4_080, cost=Decimal("0.01176"))
_figures: dict[str, Any] = {
    "since": _NOW - _DAY,
    "until": _NOW,
    "cycles": 12,
    "completed": 11,
    "failed": 1,
    "cancelled": 0,
    "waiting": 0,
    "success_rate": 11 / 12,
    "average_seconds": 4.5,
    "longest_seconds": 9.0,
    "agents_run": 25,
    "agents_failed": 1,
    "agents_waiting": 0,
    "average_parallel": 1.5,
    "max_parallel": 2,
    "decisions": {"continue": 8, "pause": 4},
    "input_tokens": 14_400,
    "output_tokens": 4_080,
    "cost": Decimal("0.01176"),
    "unpriced_tokens": 0,
    "models": {"openai:gpt-5-mini": _use},
    "roles": {"builder": _use},
}
_spending = Spending(
    budget=Budget(dollars=Decimal(20), runs_per_hour=100),
    spent=Spend(tokens=18_480, dollars=Decimal("0.01176")),
    reserved=Spend(tokens=20_000, dollars=Decimal("0.034")),
    calls=12,
    runs_last_hour=9,
)
_spans = [
    SpanStats(
        since=_NOW - 3600,
        until=_NOW,
        figures=Rollup(cycles=12, completed=11, failed=1, seconds=54.0, longest=9.0, agents_run=25),
    )
]


def _json(record: AnyRecord) -> Any:
    return record.model_dump(mode="json")


def _page(record: AnyRecord, following: str | None = _ID) -> Any:
    return {"items": [_json(record)], "next": following}


_load = OrchestratorLoad(
    active_stacks=3,
    sleeping_stacks=40,
    agents_limit=8,
    agents_running=2,
    agents_queued=0,
    agents_abandoned=0,
)
_paused = _stack.but(
    state=ExecutionState.PAUSED,
    state_reason="5 failed cycles in a row; the last: builder: TimeoutError: no answer within 60 s",
    paused_at=_NOW - 600,
    failures_in_a_row=5,
    last_failure_at=_NOW - 600,
)
_diagnosis = diagnose(
    Evidence(now=_NOW, runner=RunnerEvidence(reach=Reach.UP, pid=4711, load=_load)),
    [StackEvidence(id=_STACK, stack=_paused, has_idea=True)],
)

_passed = CheckResult(
    command="pytest -q", passed=True, status=0, seconds=3.2, output="12 passed", commit=_TIP, at=_NOW - 8
)
_workspace = Workspace(
    stack_id=_STACK,
    origin="/home/ada/docs-site",
    branch="main",
    tip=_TIP,
    start=_BEGINNING,
    number=4,
    checks=(_passed,),
    updated_at=_NOW - 8,
    updated_by="integrator",
)
_proposal = CommitProposal(
    id=_ID,
    stack_id=_STACK,
    execution_id=_EXECUTION,
    role="builder",
    todo_id=_ID,
    commit=_TIP,
    base=_BEGINNING,
    title="Search the titles of all pages",
    paths=("src/search.js",),
    files=1,
    insertions=41,
    deletions=2,
    status=ProposalStatus.MERGED,
    created_at=_NOW - 20,
    ended_at=_NOW - 8,
    merged_as=_TIP,
    checks=(_passed,),
)
_commit = CommitInfo(
    commit=_TIP,
    parents=(_BEGINNING,),
    author="builder of Garden",
    email="builder@recursor.invalid",
    at=_NOW - 20,
    title=_proposal.title,
    message=_proposal.title,
    role="builder",
    todo_id=_ID,
    execution_id=_EXECUTION,
    checks=(_passed,),
)

EXAMPLES: dict[str, Any] = {
    "create_stack": _json(_stack),
    "list_stacks": _json(
        StackPage(
            items=(
                StackListed(
                    id=_STACK,
                    name="Garden",
                    state=ExecutionState.RUNNING,
                    phase=Phase.BUILDING,
                    created_at=_NOW - 3600,
                    last_activity_at=_NOW - 4,
                    title="Garden planner",
                    scripted=False,
                    running=(ActiveRole(role="builder", reason="3 pending todos", since=_NOW - 2),),
                    waits=None,
                    waits_for=None,
                    next_look_at=None,
                    total_cycles=12,
                    last_cycle=13,
                    cycles_last_day=12,
                    success_rate=11 / 12,
                    unanswered=0,
                ),
            ),
            next=None,
            matching=1,
            total=1,
            states={ExecutionState.RUNNING: 1},
        )
    ),
    "get_stack": _json(
        Overview(
            stack=_stack,
            idea=_idea,
            todos={"pending": 3, "completed": 2},
            unanswered=0,
            artifact=_artifact_info,
            agents=(_agent,),
            waits_for=None,
        )
    ),
    "rename_stack": _json(_stack.but(name="Kitchen garden")),
    "configure_stack": _json(_stack.but(settings={"pause": {"between_looks": 60}})),
    "get_stack_status": _json(
        StackStatus(
            stack=_stack,
            active=True,
            cycle=13,
            wave=0,
            running=(
                RunningAgent(role="builder", wave=0, attempt=1, reason="3 pending todos", since=_NOW - 2),
            ),
        )
    ),
    "get_work": _json(_work),
    "list_agents": [_json(_agent)],
    "start_stack": _json(_stack),
    "pause_stack": _json(_paused),
    "resume_stack": _json(_stack),
    "stop_stack": _json(_stack.but(state=ExecutionState.STOPPED, stopped_at=_NOW, epoch=1)),
    "control_stacks": {
        "done": 1,
        "failed": 0,
        "results": [{"id": _STACK, "stack": _json(_paused), "problem": None}],
    },
    "list_todos": _page(_todo),
    "add_todo": _json(_todo),
    "get_todo": _json(_todo),
    "edit_todo": _json(_todo.but(priority=5)),
    "cancel_todo": _json(_todo.but(status=TodoStatus.CANCELLED, closed_at=_NOW)),
    "list_open_approvals": [{"stack": "Garden", "approval": _json(_approval)}],
    "list_approvals": _page(_approval),
    "answer_approval": _json(
        _approval.but(
            status=ApprovalStatus.REJECTED,
            answered_at=_NOW,
            answered_by="token 1f2e3d4c",
            note="fine, but keep the old flag",
        )
    ),
    "get_workspace": _json(
        WorkspaceInfo(
            workspace=_workspace,
            queued=1,
            path=f"/home/ada/.recursor/workspaces/{_STACK}/repository.git",
            disk_bytes=181_442,
        )
    ),
    "list_files": _json(
        FilePage(
            commit=_TIP,
            total=2,
            items=(
                FileEntry(path="README.md", kind="file", size=812),
                FileEntry(path="src", kind="directory", size=None),
            ),
            next=None,
        )
    ),
    "list_commits": _page(_commit, f"{_TIP}-1"),
    "compare_commits": _json(
        Comparison(
            old=_BEGINNING,
            new=_TIP,
            files=(
                ChangedFile(
                    path="README.md", old_path="README.md", change="changed", insertions=1, deletions=1
                ),
            ),
            more_files=0,
            insertions=1,
            deletions=1,
            text="--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-old\n+new\n",
        )
    ),
    "list_proposals": _page(_proposal),
    "take_pull": _json(
        _workspace.but(
            pulls=(Pull(id=_ID, commit=_BEGINNING, source="main of /home/ada/site", asked_at=_NOW),)
        )
    ),
    "list_user_messages": _page(_user_message),
    "send_user_message": _json(
        _user_message.but(answer=None, answered_at=None, planned_at=None, needs_planning=None)
    ),
    "get_user_message": _json(_user_message),
    "list_messages": _page(_message),
    "send_message": _json(_message),
    "get_idea": _json(_idea),
    "set_idea": _json(_idea),
    "list_artifacts": _page(_artifact_info, "3"),
    "get_artifact": _json(_artifact),
    "list_executions": _page(_execution, _EXECUTION),
    "get_execution": {"execution": _json(_execution), "graph": _json(_graph), "usage": _json(_usage)},
    "list_graphs": _page(_graph, _EXECUTION),
    "list_traces": _page(_trace),
    "get_total_stats": _json(
        TotalStats(
            total_cycles=240,
            total_agent_runs=600,
            total_tokens=18_480,
            total_cost=Decimal("0.01176"),
            **_figures,
        )
    ),
    "get_total_series": [_json(each) for each in _spans],
    "get_stack_stats": _json(OrchestrationStats(stack_id=_STACK, total_cycles=12, **_figures)),
    "get_stack_series": [_json(each) for each in _spans],
    "get_budget": _json(_spending),
    "limit_all": _json(_spending.but(limits=Budget(dollars=Decimal(20)))),
    "get_stack_budget": _json(
        StackSpending(
            stack_id=_STACK,
            total=_spending.but(budget=Budget(tokens=500_000, dollars=Decimal(1))),
            roles={"builder": _spending.but(budget=Budget())},
            runner=_spending,
        )
    ),
    "ask_sql": _json(
        SqlResult(
            columns=(ResultColumn(name="status", type="VARCHAR"), ResultColumn(name="cycles", type="BIGINT")),
            rows=(("completed", 231), ("failed", 4)),
            truncated=False,
            seconds=0.41,
        )
    ),
    "list_tables": [
        _json(
            TableDescription(
                name="orchestrator_executions",
                columns=(
                    TableColumn(name="id", type="VARCHAR", about="The execution's id."),
                    TableColumn(name="status", type="VARCHAR", about="How it ended, or that it runs."),
                ),
            )
        )
    ],
    "get_diagnosis": _json(_diagnosis),
    "get_condition": _json(Condition(settings=Settings(), load=_load)),
    "list_logs": _json(
        LogPage(
            items=(
                {
                    "time": iso(_NOW),
                    "level": "info",
                    "logger": "recursor.events",
                    "event": "cycle finished",
                    "part": "runner",
                    "stack": _STACK,
                    "name": "Garden",
                },
            ),
            older="o-1a2b3c-81920",
            newer="n-1a2b3c-82144",
        )
    ),
    "repair_stack": _json(
        Repaired(
            id=_STACK,
            name="Garden",
            records=(
                UnreadableRecord(
                    table="todos",
                    key=f"{_STACK}/2/{_OTHER}",
                    problem=f"todos {_STACK}/2/{_OTHER}: is not a readable Todo (ValueError: Unpack failed)",
                    value="wQ==",
                ),
            ),
        )
    ),
    "prune_stack": _json(_removed.but(id=_STACK, name="Garden")),
    "prune_broadcasts": _json(_removed),
    "get_health": {"status": "ok", "pid": 4711},
    "get_load": _json(_load),
}
