"""A runner and the store answer alike: every method of `Inspection`, and every command that reads."""

import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stdout
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from recursor.cli.app import run_command
from recursor.cli.output import as_json
from recursor.domain.errors import RecursorError
from recursor.domain.execution import Decision, DecisionKind, ExecutionStatus, OrchestratorExecution
from recursor.domain.spending import Spend
from recursor.domain.stack import ExecutionState
from recursor.domain.todo import TodoStatus
from recursor.domain.trace import Trace
from recursor.orchestration.ledger import Budgets
from recursor.runner import client as http
from recursor.runner.client import ApiClient
from recursor.runner.direct_inspection import DirectInspection
from recursor.runner.inspection import Inspection
from recursor.runner.places import store_directory
from recursor.runner.process import Runner
from recursor.runner.remote_inspection import RemoteInspection
from recursor.runner.team import observers_team
from recursor.storage.commit import Commit
from recursor.storage.execution_listing import ExecutionFilter
from recursor.storage.opening import open_store
from recursor.storage.stack_listing import StackFilter, StackOrder
from recursor.storage.tables import ARTIFACTS, EXECUTIONS, GRAPHS, MESSAGES, TODOS, TRACES, USER_MESSAGES
from tests import making
from tests.making import NOW, STACK
from tests.processes import TIMEOUT
from tests.storing import empty_ledger, put_ledger, put_stack

OTHER = "f" * 16
CYCLE = f"{1:032}"

Ask = Callable[[Inspection], Any]


def filling() -> Commit:
    stopped, commit, ledger = ExecutionState.STOPPED, Commit(), empty_ledger()
    put_stack(commit, making.make_stack(name="Garden", state=stopped), making.make_idea())
    put_stack(commit, making.make_stack(id=OTHER, name="Garden two", state=stopped))
    ledger.reserve(STACK, "planner", Budgets(), Spend(tokens=100, dollars=Decimal("0.03")), NOW, "call")
    ledger.settle("call", None)
    put_ledger(commit, ledger)
    for number in range(1, 4):
        TODOS.put(commit, making.make_todo(number, priority=number))
        ARTIFACTS.put(commit, making.make_artifact(number, content=f"<p>{number}\n<p>same\n"))
    TODOS.put(commit, making.make_todo(4, status=TodoStatus.COMPLETED, closed_at=NOW))
    USER_MESSAGES.put(commit, making.make_user_message(1))
    USER_MESSAGES.put(commit, making.make_user_message(2, answer="yes", answered_at=NOW + 0.1234567))
    MESSAGES.put(commit, making.make_message(3, from_stack_id=OTHER, to_stack_id=STACK))
    MESSAGES.put(commit, making.make_message(4, from_stack_id=OTHER, to_stack_id=None))
    for number in range(1, 4):
        status = ExecutionStatus.FAILED if number == 2 else ExecutionStatus.COMPLETED
        EXECUTIONS.put(
            commit,
            OrchestratorExecution(
                id=f"{number:032}",
                stack_id=STACK,
                number=number,
                epoch=0,
                status=status,
                started_at=NOW,
                finished_at=NOW + 0.25,
                decision=Decision(kind=DecisionKind.CONTINUE, reason="there is more"),
            ),
        )
        GRAPHS.put(commit, making.make_graph([making.make_node("planner")], id=f"{number:032}"))
        TRACES.put(
            commit,
            Trace(
                id=f"{number:032}",
                stack_id=STACK,
                execution_id=f"{number:032}",
                role="planner",
                created_at=NOW,
                summary=f"planned {number}",
            ),
        )
    return commit


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("both") / "data"
    with closing(open_store(store_directory(data))) as store:
        store.write(filling())
    return data


METHODS: dict[str, Ask] = {
    "find a name": lambda i: i.find("garden TWO"),
    "find an id": lambda i: i.find(STACK),
    "find digits": lambda i: i.find("ff"),
    "stacks": lambda i: i.stacks(StackFilter(), StackOrder.NAME),
    "stacks, the first": lambda i: i.stacks(StackFilter(), StackOrder.NAME, 1),
    "stacks that match": lambda i: i.stacks(
        StackFilter(frozenset({ExecutionState.STOPPED}), search="two"), StackOrder.CREATED
    ),
    "stacks, and how many besides": lambda i: i.page_of_stacks(StackFilter(search="two"), StackOrder.NAME, 1),
    "overview": lambda i: i.overview(STACK),
    "idea": lambda i: i.idea(STACK),
    "work": lambda i: {**as_json(i.work(STACK)), "computed_at": None},
    "todos": lambda i: i.todos(STACK),
    "todos that are open": lambda i: i.todos(STACK, {TodoStatus.PENDING, TodoStatus.IN_PROGRESS}),
    "user messages": lambda i: i.user_messages(STACK, 10),
    "a user message": lambda i: i.user_message(STACK, f"{2:032}"),
    "messages": lambda i: i.messages(STACK, 10),
    "executions": lambda i: i.executions(STACK, ExecutionFilter()),
    "executions that failed": lambda i: i.executions(
        STACK, ExecutionFilter({ExecutionStatus.FAILED}, frozenset(DecisionKind)), 1
    ),
    "execution": lambda i: i.execution(STACK, CYCLE),
    "numbered": lambda i: i.numbered(STACK, 2),
    "graphs": lambda i: i.graphs(STACK, 2),
    "stats": lambda i: i.stats(STACK, NOW - 60, NOW + 60),
    "totals": lambda i: i.totals(NOW - 60, NOW + 60),
    "series": lambda i: i.series(STACK, NOW - 60, NOW + 60, 60),
    "series of all": lambda i: i.series(None, NOW - 60, NOW + 60, 60),
    "budget": lambda i: i.budget(),
    "budget of a stack": lambda i: i.stack_budget(STACK),
    "artifact": lambda i: i.artifact(STACK),
    "artifact of a number": lambda i: i.artifact(STACK, 2),
    "artifacts": lambda i: i.artifacts(STACK, 2),
    "traces": lambda i: i.traces(STACK, role="planner", limit=2),
    "traces after": lambda i: i.traces(STACK, after=f"{2:032}"),
    "no such stack": lambda i: i.find("nope"),
    "no name": lambda i: i.find("garden"[:0]),
    "no stack of this id": lambda i: i.overview("0" * 15 + "1"),
    "no such cycle": lambda i: i.numbered(STACK, 99),
    "no budget of no stack": lambda i: i.stack_budget("0" * 15 + "1"),
    "no such version": lambda i: i.artifact(STACK, 99),
    "no idea yet": lambda i: i.idea(OTHER),
}

COMMANDS = (
    "list",
    "list --search two --sort name",
    "show garden",
    "idea garden",
    "messages garden",
    "todos garden",
    "todos garden --status open",
    "executions garden",
    "executions garden --status failed",
    "execution garden 2",
    "execution garden",
    "graphs garden",
    "work garden",
    "stats",
    "stats garden --since 15m --series --every 5m",
    "budget",
    "budget garden",
    "traces garden",
    "artifacts garden",
    "artifact garden --version 1",
    "artifact garden",
)


def told(ask: Ask, inspection: Inspection) -> Any:
    try:
        return as_json(ask(inspection))
    except RecursorError as error:
        return f"{type(error).__name__}: {error}"


def printed(command: str, *where: str) -> str:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(out):
        assert run_command([*command.split(), *where]) == 0
    out.flush()
    written = out.buffer.getvalue().decode()  # type: ignore[attr-defined]  # it is a BytesIO
    # What depends on when it was asked, and on whether there is a runner at all.
    text = re.sub(r'"(since|until|computed_at)": "[^"]*"', "", written)
    text = re.sub(r'"live": (null|\{.*?\n  \})', "", text, flags=re.DOTALL)
    return re.sub(r"\d\d-\d\d \d\d:\d\d|^now .*$", "", text, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def both(filled: Path) -> Iterator[dict[str, tuple[Any, Any]]]:
    """What the store and the runner say: first all of the one, then all of the other."""
    with pytest.MonkeyPatch.context() as patch:
        # The machine may be busy with other tests.
        patch.setattr(http, "ANSWER_SECONDS", TIMEOUT)
        patch.setenv("COLUMNS", "80")
        with closing(open_store(store_directory(filled), read_only=True)) as store:
            direct = DirectInspection(store.read, lambda: NOW)
            stored = {name: told(ask, direct) for name, ask in METHODS.items()}
        here = ("--data", str(filled))
        stored |= {each: printed(each, *here) for each in COMMANDS}
        stored |= {f"{each} --json": printed(f"{each} --json", *here) for each in COMMANDS}
        with (
            Runner(filled, roles=observers_team(), port=0) as runner,
            closing(ApiClient(runner.url, runner=str(os.getpid()))) as client,
        ):
            remote = RemoteInspection(client)
            asked = {name: told(ask, remote) for name, ask in METHODS.items()}
            there = ("--url", runner.url)
            asked |= {each: printed(each, *there) for each in COMMANDS}
            asked |= {f"{each} --json": printed(f"{each} --json", *there) for each in COMMANDS}
        yield {name: (stored[name], asked[name]) for name in stored}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_answers_alike(both: dict[str, tuple[Any, Any]], name: str) -> None:
    stored, asked = both[name]
    assert asked == stored


@pytest.mark.parametrize("name", [*COMMANDS, *(f"{each} --json" for each in COMMANDS)])
def test_a_command_prints_alike(both: dict[str, tuple[Any, Any]], name: str) -> None:
    stored, asked = both[name]
    assert stored
    assert asked == stored
