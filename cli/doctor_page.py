"""A doctor's report on a terminal: problems first, then the checks made."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from recursor.cli.output import neutral, one_line
from recursor.cli.wording import clock_time, plural, span
from recursor.doctor.report import Checked, CheckOutcome, Finding, Report, Severity, StackTotals
from recursor.domain.wording import percent

# Of the same finding in many stacks, this many are shown with figures, and this many more by name.
TOLD = 3
NAMES_TOLD = 8
CHECKS_NAMED = 4

_STYLES = {Severity.PROBLEM: "red", Severity.WARNING: "yellow", Severity.PAST: "bright_black"}
_SIGNS = {Severity.PROBLEM: "✗ ", Severity.WARNING: "! ", Severity.PAST: "· "}
_MARKS = {
    CheckOutcome.OK: ("✓", "green"),
    CheckOutcome.WARNING: ("!", "yellow"),
    CheckOutcome.PROBLEM: ("✗", "red"),
    CheckOutcome.UNKNOWN: ("?", "bright_black"),
}


def doctor_page(report: Report, place: str) -> Iterator[RenderableType]:
    """Yield the parts of a report.

    Args:
        report: the doctor's report.
        place: the data directory.
    """
    yield _headline(report)
    yield Text(_figures(report.totals, place), "bright_black")
    for group in _groups(report.findings):
        yield ""
        yield from _same(group)
    yield ""
    if report.findings:
        yield Text(_others(report.checks), "bright_black")
    else:
        yield _table(report.checks)


def _groups(findings: Iterable[Finding]) -> Iterable[list[Finding]]:
    """Return the findings, grouped by symptom and remedy."""
    groups: dict[object, list[Finding]] = {}
    for each in findings:
        commands = tuple(command.replace(each.stack_id or "\0", "STACK") for command in each.commands)
        groups.setdefault((each.severity, each.id, each.symptom, each.fix, commands), []).append(each)
    return groups.values()


def _headline(report: Report) -> Text:
    parts = [] if report.problems or report.warnings else [("Healthy", "bold green")]
    parts += [
        (plural(count, noun), f"bold {style}")
        for count, noun, style in (
            (report.problems, "problem", "red"),
            (report.warnings, "warning", "yellow"),
            (report.past, "past problem", "bright_black"),
        )
        if count
    ]
    return Text(", ").join(Text(*part) for part in parts)


def _figures(totals: StackTotals, place: str) -> str:
    states = ", ".join(f"{count:,} {state}" for state, count in totals.states.items())
    parts = [one_line(place), plural(totals.stacks, "stack") + (f" ({states})" if states else "")]
    if totals.cycles:
        parts.append(f"{plural(totals.cycles, 'cycle')} in 24 h")
        if totals.success_rate is not None:
            parts.append(f"{percent(totals.success_rate)} succeeded")
        if totals.average_seconds is not None:
            parts.append(f"{span(totals.average_seconds)} on average")
    return " · ".join(parts)


def _same(findings: Sequence[Finding]) -> Iterator[RenderableType]:
    """Yield the lines of a finding, in one stack or in many."""
    first, style = findings[0], _STYLES[findings[0].severity]
    title = Text.assemble((_SIGNS[first.severity], style), (neutral(first.symptom), f"bold {style}"))
    title.append(f"  {first.id}", "bright_black")
    if len(findings) > 1:
        title.append(f", in {plural(len(findings), 'stack')}", "bright_black")
    yield title
    told = findings[:TOLD]
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bright_black", no_wrap=True, min_width=7)
    table.add_column(overflow="fold")
    # A text that is the same for all is shown once.
    one_cause = len({finding.cause for finding in told}) == 1
    for finding in told:
        if finding.stack_id is not None:
            name = (one_line(finding.stack or ""), "bold")
            table.add_row("stack", Text.assemble(name, f"  {finding.stack_id[:8]}"))
        if finding.since is not None:
            table.add_row("when", _when(finding))
        table.add_row("seen", one_line(finding.evidence))
        if not one_cause:
            table.add_row("because", one_line(finding.cause))
    if len(findings) > len(told):
        table.add_row("and", _more(findings[TOLD:]))
    if one_cause:
        table.add_row("because", one_line(first.cause))
    table.add_row("do", one_line(first.fix))
    yield Padding(table, (0, 0, 0, 2))
    for command in first.commands:
        # Never wrapped, so that it can be copied.
        yield Text(f"           $ {one_line(command)}", "cyan", no_wrap=True, overflow="ignore")
    if any(finding.commands != first.commands for finding in findings):
        yield Text("           likewise for the others", "bright_black")


def _when(finding: Finding) -> str:
    assert finding.since is not None
    if finding.until is None:
        return f"since {clock_time(finding.since)}"
    return f"{clock_time(finding.since)} to {clock_time(finding.until)}: it is over"


def _more(findings: Sequence[Finding]) -> str:
    names = ", ".join(one_line(finding.stack or "") for finding in findings[:NAMES_TOLD])
    return f"{len(findings):,} more: {names}" + (", …" if len(findings) > NAMES_TOLD else "")


def _table(checks: Iterable[Checked]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(style="bright_black", overflow="fold")
    for check in checks:
        mark, style = _MARKS[check.outcome]
        table.add_row(Text(mark, style), check.title, one_line(check.detail))
    return table


def _others(checks: Sequence[Checked]) -> str:
    fine = sum(check.outcome is CheckOutcome.OK for check in checks)
    reasons: dict[str, list[str]] = {}
    for check in checks:
        if check.outcome is CheckOutcome.UNKNOWN:
            reasons.setdefault(one_line(check.detail), []).append(check.id)
    said = f"{fine} of {plural(len(checks), 'check')} found nothing wrong"
    unknown = "; ".join(f"{_named(ids)} ({why})" for why, ids in reasons.items())
    return said + (f"; not made: {unknown}" if unknown else "")


def _named(ids: Sequence[str]) -> str:
    return ", ".join(ids) if len(ids) <= CHECKS_NAMED else f"{len(ids)} others"
