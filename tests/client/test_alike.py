"""A runner's socket, its URL and this process answer alike: every question, and every command that reads."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stdout
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from recursor.cli.app import run_command
from recursor.cli.output import as_json
from recursor.client import Client, route
from recursor.domain.errors import RecursorError
from recursor.domain.execution import Decision, DecisionKind, ExecutionStatus, OrchestratorExecution
from recursor.domain.spending import Spend
from recursor.domain.stack import ExecutionState
from recursor.domain.todo import TodoStatus
from recursor.domain.trace import Trace
from recursor.orchestration.ledger import Budgets
from recursor.runner.data_paths import store_directory
from recursor.runner.process import Runner
from recursor.runner.team import observers_team
from recursor.storage.commit import Commit
from recursor.storage.opening import open_store
from recursor.storage.tables import ARTIFACTS, EXECUTIONS, GRAPHS, MESSAGES, TODOS, TRACES, USER_MESSAGES
from tests import making
from tests.making import NOW, STACK
from tests.processes import TIMEOUT
from tests.storing import empty_ledger, put_ledger, put_stack

OTHER = "f" * 16
CYCLE = f"{1:032}"

Ask = Callable[[Client], Any]


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
    "by name": lambda c: c.stack("garden TWO").stack.id,
    "by id": lambda c: c.stack(STACK).stack.id,
    "by digits": lambda c: c.stack("ff").stack.id,
    "stacks": lambda c: c.stacks(sort="name"),
    "stacks, the first": lambda c: c.stacks(sort="name", limit=1),
    "stacks that match": lambda c: c.stacks(states={ExecutionState.STOPPED}, search="two", sort="created"),
    "stacks, and how many besides": lambda c: c.stacks_page(search="two", sort="name", limit=1),
    "stack": lambda c: c.stack(STACK),
    "agents": lambda c: c.agents(STACK),
    "idea": lambda c: c.idea(STACK),
    "work": lambda c: {**as_json(c.work(STACK)), "computed_at": None},
    "status": lambda c: c.status(STACK).stack,
    "todos": lambda c: c.todos(STACK),
    "todos that are open": lambda c: c.todos(STACK, statuses={TodoStatus.PENDING, TodoStatus.IN_PROGRESS}),
    "todo": lambda c: c.todo(STACK, c.todos(STACK, limit=1)[0].id),
    "user messages": lambda c: c.user_messages(STACK, limit=10),
    "a user message": lambda c: c.user_message(STACK, f"{2:032}"),
    "messages": lambda c: c.messages(STACK, limit=10),
    "executions": lambda c: c.executions(STACK),
    "executions that failed": lambda c: c.executions(
        STACK, statuses={ExecutionStatus.FAILED}, decisions=frozenset(DecisionKind), limit=1
    ),
    "execution": lambda c: c.execution(STACK, CYCLE),
    "execution of a number": lambda c: c.execution(STACK, 2),
    "newest execution": lambda c: c.execution(STACK),
    "graphs": lambda c: c.graphs(STACK, limit=2),
    "stats": lambda c: c.stats(STACK, NOW - 60, NOW + 60),
    "totals": lambda c: c.totals(NOW - 60, NOW + 60),
    "series": lambda c: c.series(STACK, NOW - 60, NOW + 60, 60),
    "series of all": lambda c: c.series(None, NOW - 60, NOW + 60, 60),
    "budget": lambda c: c.budget(),
    "budget of a stack": lambda c: c.stack_budget(STACK),
    "artifact": lambda c: c.artifact(STACK),
    "artifact of a number": lambda c: c.artifact(STACK, 2),
    "artifacts": lambda c: c.artifacts(STACK, limit=2),
    "traces": lambda c: c.traces(STACK, role="planner", limit=2),
    "traces after": lambda c: c.traces(STACK, after=f"{2:032}"),
    "logs": lambda c: c.logs(),
    "sql": lambda c: c.sql("SELECT count(*) AS todos FROM todos").rows,
    "tables": lambda c: c.sql_tables(),
    "no such stack": lambda c: c.stack("nope"),
    "no name": lambda c: c.stack(""),
    "a name that no stack can have": lambda c: c.stack("../a%2Fb?c#d"),
    "no stack of this id": lambda c: c.stack("0" * 15 + "1"),
    "no such cycle": lambda c: c.execution(STACK, 99),
    "no cycle yet": lambda c: c.execution(OTHER),
    "no budget of no stack": lambda c: c.stack_budget("0" * 15 + "1"),
    "no such version": lambda c: c.artifact(STACK, 99),
    "no idea yet": lambda c: c.idea(OTHER),
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


def told(ask: Ask, client: Client) -> Any:
    try:
        return as_json(ask(client))
    except RecursorError as error:
        return f"{type(error).__name__}: {error}"


def answers(where: str | Path, *options: str) -> dict[str, Any]:
    with Client(where) as client:
        found = {name: told(ask, client) for name, ask in METHODS.items()}
    found |= {each: printed(each, *options) for each in COMMANDS}
    return found | {f"{each} --json": printed(f"{each} --json", *options) for each in COMMANDS}


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
def all_three(filled: Path) -> Iterator[dict[str, tuple[Any, Any, Any]]]:
    """What this process, the runner's socket and its URL say: first all of the one, then all of the next."""
    with pytest.MonkeyPatch.context() as patch:
        # The machine may be busy with other tests.
        patch.setattr(route, "READ_SECONDS", TIMEOUT)
        patch.setenv("COLUMNS", "80")
        here = answers(filled, "--data", str(filled))
        with Runner(filled, roles=observers_team(), port=0) as runner:
            socket = answers(filled, "--data", str(filled))
            url = answers(runner.url, "--url", runner.url)
        yield {name: (here[name], socket[name], url[name]) for name in here}


@pytest.mark.parametrize("name", METHODS)
def test_a_question_is_answered_alike(all_three: dict[str, tuple[Any, Any, Any]], name: str) -> None:
    here, socket, url = all_three[name]
    assert socket == here
    assert url == here


@pytest.mark.parametrize("name", [*COMMANDS, *(f"{each} --json" for each in COMMANDS)])
def test_a_command_prints_alike(all_three: dict[str, tuple[Any, Any, Any]], name: str) -> None:
    here, socket, url = all_three[name]
    assert here
    assert socket == here
    assert url == here
