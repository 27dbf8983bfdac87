"""A stack's git repository on a terminal."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from recursor.cli.output import neutral, one_line
from recursor.cli.stack_tables import clipped, fitted, plain_table, styled
from recursor.cli.wording import NEVER, ago, plural, size, span
from recursor.domain.wording import COMMIT_DIGITS, TODO_DIGITS
from recursor.domain.workspace import CheckResult, CommitProposal, Pull, Workspace
from recursor.web.api.models import CommitInfo, Comparison, FileEntry

# Lines of a failing check's output: its end.
_OUTPUT_LINES = 20


def files_table(entries: Iterable[FileEntry]) -> Table:
    """Return the entries of a folder."""
    table = plain_table("SIZE", "NAME")
    table.columns[0].justify = "right"
    for each in entries:
        what = {"directory": "/", "link": " (link)", "submodule": " (submodule)"}.get(each.kind, "")
        name = Text(neutral(each.path) + what, "cyan" if each.kind == "directory" else "")
        table.add_row("" if each.size is None else size(each.size), name)
    return table


def difference_table(found: Comparison) -> Iterator[RenderableType]:
    """Yield the files that differ, and the sums."""
    table = plain_table("NEW", "GONE", "CHANGE", "FILE")
    table.columns[0].justify = table.columns[1].justify = "right"
    for each in found.files:
        before = f" (was {neutral(each.old_path)})" if each.old_path != each.path else ""
        table.add_row(
            Text(_lines(each.insertions, "+"), "green"),
            Text(_lines(each.deletions, "-"), "red"),
            each.change,
            neutral(each.path) + before,
        )
    if found.files:
        yield table
    files = plural(len(found.files) + found.more_files, "file")
    listed = f", {found.more_files:,} of them not listed" if found.more_files else ""
    yield Text(f"{files} changed{listed}, +{found.insertions:,} -{found.deletions:,} lines", "bright_black")


def commits_table(commits: Iterable[CommitInfo], now: float) -> Table:
    """Return a history."""
    table = plain_table("COMMIT", "WHEN", "BY", "TODO", "CHECKS", "TITLE")
    for each in commits:
        table.add_row(
            Text(each.commit[:COMMIT_DIGITS], "yellow"),
            ago(each.at, now),
            clipped(each.role or each.author),
            Text((each.todo_id or "")[-TODO_DIGITS:], "bright_black"),
            _verdict(each.checks),
            clipped(each.title),
        )
    return fitted(table, "BY", "TITLE")


def queue_table(pulls: Iterable[Pull], proposals: Iterable[CommitProposal], now: float) -> Table:
    """Return the merge queue."""
    table = plain_table("COMMIT", "STATUS", "SINCE", "BY", "TODO", "FILES", "LINES", "TITLE")
    table.columns[5].justify = "right"
    for pull in pulls:
        commit = Text(pull.commit[:COMMIT_DIGITS], "yellow")
        told = clipped(f"Pull from {pull.source}")
        table.add_row(commit, styled("queued"), ago(pull.asked_at, now), "user", "", "", "", told)
    for each in proposals:
        why = "" if each.note is None else f": {each.note}"
        table.add_row(
            Text(each.commit[:COMMIT_DIGITS], "yellow"),
            Text("for approval", "yellow") if each.status.open and each.approval_id else styled(each.status),
            ago(each.ended_at or each.created_at, now),
            each.role,
            Text(each.todo_id[-TODO_DIGITS:], "bright_black"),
            f"{each.files:,}",
            f"+{each.insertions:,} -{each.deletions:,}",
            clipped(each.title + why),
        )
    return fitted(table, "TITLE")


def checks_page(
    workspace: Workspace, proposals: Iterable[CommitProposal], now: float
) -> Iterator[RenderableType]:
    """Yield what the checks said."""
    if workspace.tip is None:
        yield Text("the repository is not made yet", "bright_black")
        return
    yield Text.assemble(("tip ", "bold"), (workspace.tip[:COMMIT_DIGITS], "yellow"))
    if workspace.problem is not None:
        yield Text(neutral(workspace.problem), "red")
    if not workspace.checks:
        yield Text("  no checks were run on it", "bright_black")
    yield from _results(workspace.checks, now)
    for each in proposals:
        yield Text.assemble(
            "\n",
            (each.commit[:COMMIT_DIGITS], "yellow"),
            "  ",
            styled(each.status),
            f"  {each.role}  ",
            one_line(each.title),
        )
        yield from _results(each.checks, now)


def _results(checks: Iterable[CheckResult], now: float) -> Iterator[RenderableType]:
    for each in checks:
        sign, style = ("passed", "green") if each.passed else ("failed", "red")
        status = "" if each.passed or each.status is None else f", exit status {each.status}"
        yield Text.assemble(
            "  ",
            (sign, style),
            f"  {one_line(each.command)}",
            (f"  in {span(each.seconds)}{status}, {ago(each.at, now)}", "bright_black"),
        )
        if not each.passed:
            lines = each.output.rstrip().splitlines()
            if len(lines) > _OUTPUT_LINES:
                yield Text(f"    … {len(lines) - _OUTPUT_LINES:,} earlier lines: see --json", "bright_black")
            for line in lines[-_OUTPUT_LINES:]:
                yield Text(f"    {neutral(line)}")


def _verdict(checks: Sequence[CheckResult]) -> Text:
    if not checks:
        return Text(NEVER, "bright_black")
    passed = all(each.passed for each in checks)
    return Text("passed" if passed else "failed", "green" if passed else "red")


def _lines(count: int | None, sign: str) -> str:
    return NEVER if count is None else f"{sign}{count:,}"
