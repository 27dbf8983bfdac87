"""A stack's work and history on a terminal."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from recursor.cli.output import neutral, one_line
from recursor.cli.stack_tables import clipped, fitted, plain_table, styled
from recursor.cli.wording import NEVER, ago, clock_time, cost, run_name, span
from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, Node
from recursor.domain.todo import Todo
from recursor.domain.wording import TODO_DIGITS
from recursor.domain.work import WorkStatus

_URGENT, _HIGH, _MIDDLE = 9, 7, 5


def todos_table(todos: Iterable[Todo], now: float) -> Table:
    """Return a list of todos."""
    todos = list(todos)
    # Only todos of repositories have these.
    needs = ("NEEDS",) if any(todo.needs for todo in todos) else ()
    paths = ("PATHS",) if any(todo.paths for todo in todos) else ()
    failed = ("FAILED",) if any(todo.attempts for todo in todos) else ()
    table = plain_table("ID", "PRIORITY", "STATUS", "BY", "UPDATED", *needs, *paths, *failed, "TODO")
    table.columns[1].justify = "center"
    for todo in todos:
        table.add_row(
            Text(todo.id[-TODO_DIGITS:], "bright_black"),
            Text(str(todo.priority), _urgency(2 * todo.priority)) if todo.status.open else str(todo.priority),
            styled(todo.status),
            neutral(todo.assigned_by),
            ago(todo.updated_at, now),
            *([Text(" ".join(each[-TODO_DIGITS:] for each in todo.needs), "bright_black")] if needs else ()),
            *([clipped(" ".join(todo.paths))] if paths else ()),
            *([f"{todo.attempts} times" if todo.attempts else ""] if failed else ()),
            _todo(todo),
        )
    return fitted(table, "PATHS", "TODO")


def _todo(todo: Todo) -> Text:
    text = Text(one_line(todo.content), "" if todo.status.open else "bright_black")
    if todo.problem is not None and todo.status.open:
        text.append(f"  {one_line(todo.problem.strip().partition(chr(10))[0])}", "red")
    return text


def executions_table(executions: Iterable[OrchestratorExecution], now: float) -> Table:
    """Return a list of cycles."""
    executions = list(executions)
    # Without a model, the columns are useless.
    used = ("TOKENS", "COST") if any(_tokens(each) for each in executions) else ()
    table = plain_table("CYCLE", "STARTED", "TOOK", "STATUS", "AGENTS", "WAVES", *used, "DECISION", "BECAUSE")
    for right in (0, 2, 4, 5, *range(6, 6 + len(used))):
        table.columns[right].justify = "right"
    for execution in executions:
        summary, decision = execution.summary, execution.decision
        took = execution.duration
        table.add_row(
            str(execution.number),
            ago(execution.started_at, now),
            NEVER if took is None else span(took),
            styled(execution.status),
            str(summary.agents_run) if summary else NEVER,
            str(summary.waves) if summary else NEVER,
            *((_number(_tokens(execution)), _cost_of(execution)) if used else ()),
            NEVER if decision is None else _decision(decision.kind.value, decision.pause),
            _because(execution),
        )
    return fitted(table, "BECAUSE")


def graph_page(graph: ExecutionGraph, execution: OrchestratorExecution | None) -> Iterator[RenderableType]:
    """Yield the parts of one cycle's graph."""
    status = "" if execution is None else execution.status.value
    title = f"cycle {execution.number}" if execution is not None else f"cycle {graph.id}"
    yield Text.assemble(
        (title, "bold"), "  ", (clock_time(graph.created_at), "bright_black"), "  ", styled(status)
    )
    yield graph_table(graph)
    yield ""


def graph_table(graph: ExecutionGraph) -> Table:
    """Return the nodes of one cycle's graph, by wave."""
    used = ("TOKENS", "COST") if any(node.usage for node in graph.nodes) else ()
    table = plain_table("WAVE", "ROLE", "PRIORITY", "STATUS", "TOOK", *used, "AFTER", "WHY")
    for right in (0, 4, *range(5, 5 + len(used))):
        table.columns[right].justify = "right"
    table.columns[2].justify = "center"
    for number, nodes in groupby(graph.nodes, lambda node: node.wave):
        for index, node in enumerate(nodes):
            table.add_row(
                str(number + 1) if index == 0 else "",
                run_name(node.role, node.todo_id),
                Text(str(node.priority), _urgency(node.priority)),
                styled(node.status),
                _took(node),
                *(_used(node) if used else ()),
                ", ".join(node.dependencies),
                _why(node),
            )
    return fitted(table, "WHY")


def work_table(statuses: Mapping[str, WorkStatus]) -> Table:
    """Return the roles with work, most urgent first."""
    table = plain_table("ROLE", "PRIORITY", "WHY", "AFTER")
    table.columns[1].justify = "center"
    for role, status in sorted(statuses.items(), key=lambda item: -item[1].priority):
        style = _urgency(status.priority) if status.has_work else "bright_black"
        table.add_row(
            Text(role, style),
            Text(str(status.priority) if status.has_work else NEVER, style),
            Text(one_line(status.reason), "" if status.has_work else "bright_black"),
            ", ".join(status.dependencies),
        )
    return fitted(table, "WHY")


def _tokens(execution: OrchestratorExecution) -> int:
    summary = execution.summary
    return 0 if summary is None else summary.input_tokens + summary.output_tokens


def _cost_of(execution: OrchestratorExecution) -> str:
    summary = execution.summary
    return NEVER if summary is None or not _tokens(execution) else cost(summary.cost, summary.unpriced_tokens)


def _used(node: Node) -> tuple[str, str]:
    usage = node.usage
    if usage is None:
        return NEVER, NEVER
    is_unknown = usage.cost is None and not usage.known_cost
    spent = "unknown" if is_unknown else cost(usage.known_cost, usage.unpriced_tokens)
    return _number(usage.tokens), spent


def _number(tokens: int) -> str:
    return f"{tokens:,}" if tokens else NEVER


def _urgency(priority: int) -> str:
    if priority >= _URGENT:
        return "bold red"
    if priority >= _HIGH:
        return "yellow"
    return "cyan" if priority >= _MIDDLE else ""


def _decision(kind: str, pause: float | None) -> str:
    return f"{kind} {span(pause)}" if pause is not None else kind


def _because(execution: OrchestratorExecution) -> Text:
    if execution.error:
        return clipped(execution.error, "red")
    return clipped(execution.decision.reason if execution.decision else "", "bright_black")


def _took(node: Node) -> str:
    if node.started_at is None or node.finished_at is None:
        return NEVER
    return span(node.finished_at - node.started_at)


def _why(node: Node) -> Text:
    if node.note:
        return Text(one_line(node.note), "red" if node.status == "failed" else "bright_black")
    return Text(one_line(node.reason), "bright_black")
