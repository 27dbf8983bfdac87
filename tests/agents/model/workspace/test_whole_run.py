"""A team that asks a model takes an idea to merged commits in a new repository."""

import json
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recursor.actors.messages import CreateStack, Shutdown
from recursor.actors.orchestrator import Orchestrator
from recursor.domain.new_records import new_idea, new_stack, new_workspace
from recursor.domain.stack import Phase, StackKind
from recursor.domain.todo import TodoStatus
from recursor.domain.workspace import ProposalStatus
from recursor.runner.team import standard_team
from recursor.storage.opening import memory_store
from recursor.storage.stacks import read_stack
from recursor.storage.tables import PROPOSALS, TODOS, TRACES, WORKSPACES
from recursor.workspaces.upkeep import Upkeep
from tests.agents.model.conftest import KEY
from tests.agents.model.workspace.conftest import answer, call, needs_sandbox
from tests.model_stub.answers import Answer, Call
from tests.model_stub.server import ModelStub

PATIENCE = 300.0
CHECK = "test ! -e sums.py || grep -q 'sum(prices)' sums.py"
PLAN = {
    "project": {"title": "Shop", "description": "Adds up.", "features": ["totals"]},
    "new_todos": [
        {"content": "Show the total", "needs": ["sums"], "paths": ["show.py"]},
        {"content": "Add up the prices", "label": "sums", "paths": ["sums.py"]},
    ],
    "whole": True,
}
WRONG = "def total(prices):\n    return 0\n"
RIGHT = "def total(prices):\n    return sum(prices)\n"


class Model:
    """Plays all roles: what it is asked shows which one."""

    def __init__(self) -> None:
        self.questions: defaultdict[str, list[str]] = defaultdict(list)

    def __call__(self, call: Call) -> Answer:
        messages = call.body["messages"]
        instructions, question = (str(each["content"]) for each in messages[:2])
        if instructions.startswith("You are the planner"):
            self.questions["planner"].append(question)
            return answer(**PLAN)
        if instructions.startswith("You review"):
            self.questions["reviewer"].append(question)
            return answer(verdict="Good.")
        turn = sum(each["role"] == "assistant" for each in messages)
        if turn == 0:
            self.questions["builder"].append(question)
        return self._built(question, turn)

    def _built(self, question: str, turn: int) -> Answer:
        todo = question.split("## Your todo", 1)[1].split("data>>>", 1)[0]
        if "Show the total" in todo:
            steps = [
                call("read_file", path="sums.py"),
                call("write_file", path="show.py", content="from sums import total\nprint(total([1, 2]))\n"),
                call("run_command", command="python3 show.py"),
                answer(result="done", title="Show the total", why="It is asked for."),
            ]
        elif "the check `" in question:
            steps = [
                call("write_file", path="sums.py", content=RIGHT),
                call("run_checks"),
                answer(result="done", title="Add up the prices", why="Now with sum."),
            ]
        else:
            steps = [
                call("write_file", path="sums.py", content=WRONG),
                answer(result="done", title="Add up the prices", why="A first try."),
            ]
        return steps[turn]


@needs_sandbox
def test_a_model_plans_builds_is_told_why_a_check_failed_and_finishes(
    stub: ModelStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    stub.script = model = Model()
    store, upkeep = memory_store(), Upkeep(tmp_path / "workspaces")
    orchestrator = Orchestrator.start(store=store, roles=standard_team(), upkeep=upkeep)
    now = time.time()
    settings: dict[str, dict[str, Any]] = {
        "model": {"name": "openai:gpt-4o", "base_url": stub.url},
        "workspace": {"builders": 2, "checks": [CHECK]},
        "pause": {"after_work": 0.0},
    }
    stack = new_stack("shop", now, settings, StackKind.WORKSPACE)
    try:
        orchestrator.ask(
            CreateStack(
                stack, new_idea(stack.id, "a shop that adds up", now), True, new_workspace(stack, None, now)
            )
        )

        def is_complete() -> bool:
            with store.read() as reader:
                return read_stack(reader, stack.id).phase is Phase.COMPLETE

        _wait_for(is_complete)
        with store.read() as reader:
            todos = {todo.content: todo for todo in TODOS.scan(reader, stack.id)}
            proposals = list(PROPOSALS.scan(reader, stack.id))
            workspace = WORKSPACES.get(reader, stack.id)
            traces = [trace for trace in TRACES.scan(reader, stack.id) if trace.role == "builder"]
    finally:
        orchestrator.ask(Shutdown(grace=5))
        upkeep.close()
        store.close()
    sums, show = todos["Add up the prices"], todos["Show the total"]
    assert (sums.status, show.status) == (TodoStatus.COMPLETED, TodoStatus.COMPLETED)
    assert (sums.attempts, show.needs) == (1, (sums.id,))
    assert [each.status for each in proposals] == [
        ProposalStatus.RETURNED,
        ProposalStatus.MERGED,
        ProposalStatus.MERGED,
    ]
    first, second, third = model.questions["builder"]
    assert "the check `" not in first
    assert f"the check `{CHECK}` failed with exit status 1" in second
    assert "+    return 0" in second
    assert "Show the total" in third
    assert "+print(total([1, 2]))" in model.questions["reviewer"][-1]
    assert len(model.questions["planner"]) == 1
    assert workspace is not None
    assert workspace.tip is not None
    repository = upkeep.workspaces.open(stack.id)
    assert repository.file(workspace.tip, "sums.py", 1_000).decode() == RIGHT
    assert all(result.passed for result in workspace.checks)
    assert "3" in json.dumps(traces[-1].metadata["tools"])
    runs = upkeep.workspaces.repository_path(stack.id).parent / "runs"
    assert list(runs.iterdir()) == []


def _wait_for(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, "the work does not come to an end"
        time.sleep(0.05)
