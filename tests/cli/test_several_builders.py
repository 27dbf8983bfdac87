"""Several builders of one team on a terminal: none hides another."""

from io import StringIO

from rich.console import Console, Group

from recursor.cli.cycle_page import cycle_page
from recursor.cli.event_lines import event_line
from recursor.cli.stack_tables import working
from recursor.cli.watch_tables import one_stack
from recursor.domain.execution import ExecutionStatus, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, Node, NodeStatus, Usage
from recursor.domain.record import iso
from recursor.storage.lookups import ExecutionInFull
from recursor.storage.overview import Overview
from recursor.storage.stack_listing import ActiveRole
from tests.making import NOW, STACK, make_stack

FIRST, SECOND = "a" * 24 + "11111111", "a" * 24 + "22222222"


def drawn(*parts: object) -> str:
    console = Console(file=StringIO(), width=120, color_system=None)
    console.print(Group(*parts))  # type: ignore[arg-type]  # tables and texts
    text = console.file
    assert isinstance(text, StringIO)
    return text.getvalue()


def test_a_cycle_shows_each_with_the_last_digits_of_its_todo() -> None:
    nodes = tuple(
        Node(
            role="builder",
            todo_id=todo_id,
            priority=6,
            reason="2 todos",
            wave=0,
            status=NodeStatus.COMPLETED,
            started_at=NOW,
            finished_at=NOW + 3,
        )
        for todo_id in (FIRST, SECOND)
    )
    execution = OrchestratorExecution(
        id="e", stack_id=STACK, number=1, epoch=0, status=ExecutionStatus.COMPLETED, started_at=NOW
    )
    graph = ExecutionGraph(id="e", stack_id=STACK, created_at=NOW, nodes=nodes)
    text = drawn(*cycle_page(ExecutionInFull(execution=execution, graph=graph, usage=Usage()), NOW + 5))
    # In the table, and in the timeline.
    assert text.count("builder 11111111") == text.count("builder 22222222") == 2


def test_a_watched_stack_shows_what_each_writes() -> None:
    running = [
        {"role": "builder", "todo_id": todo_id, "since": iso(NOW), "reason": "2 todos"}
        for todo_id in (FIRST, SECOND)
    ]
    said = {("builder", FIRST): "one half", ("builder", SECOND): "the other half"}
    overview = Overview(
        stack=make_stack(), idea=None, todos={}, unanswered=0, artifact=None, agents=(), waits_for=None
    )
    text = drawn(one_stack(overview, {"running": running, "cycle": 1, "wave": 0}, None, (), said, NOW, 60))
    assert "builder 11111111 writes  one half" in text
    assert "builder 22222222 writes  the other half" in text


def test_a_list_counts_them() -> None:
    begun = [ActiveRole(role="builder", todo_id=todo_id, reason="", since=NOW) for todo_id in (FIRST, SECOND)]
    waiting = ActiveRole(role="builder", todo_id="a3", reason="", since=None)
    assert working([*begun, waiting]) == "builder (2), builder waits for a slot"


def test_an_event_names_the_todo() -> None:
    event = {
        "kind": "node_started",
        "at": iso(NOW),
        "role": "builder",
        "todo_id": SECOND,
        "reason": "2 todos",
    }
    assert event_line(event, "garden").endswith("garden: builder 22222222 begins: 2 todos")
