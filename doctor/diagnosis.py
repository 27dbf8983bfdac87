"""From evidence to a report: every check on all its subjects."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from recursor.doctor.catalogue import CHECKS
from recursor.doctor.check import Check, Fine, StackCheck, SystemCheck, Unknown
from recursor.doctor.evidence import Evidence, StackEvidence
from recursor.doctor.report import Checked, CheckOutcome, Finding, Observation, Report, Severity, StackTotals
from recursor.doctor.totals import Tally

_NO_STORE = "the stacks could not be looked at"


def diagnose(evidence: Evidence, stacks: Iterable[StackEvidence], checks: Sequence[Check] = CHECKS) -> Report:
    """Judge all evidence.

    Args:
        evidence: everything but the stacks.
        stacks: the stacks, each examined once and released: there may be many.
        checks: the checks.
    """
    tally = Tally()
    found: defaultdict[str, list[Finding]] = defaultdict(list)
    on_stacks = [check for check in checks if isinstance(check, StackCheck)]
    for each in stacks:
        tally.add(each)
        for finding in _findings(on_stacks, evidence, each):
            found[finding.id].append(finding)
    totals = tally.totals()
    checked = []
    for check in checks:
        if isinstance(check, SystemCheck):
            verdict = check.judge(evidence, totals)
            if isinstance(verdict, Observation):
                found[check.id].append(_finding(check, verdict))
            checked.append(_checked(check, verdict, found[check.id]))
        elif not check.in_focus or evidence.focus is not None:
            checked.append(_checked(check, _over_all(check, evidence, totals), found[check.id]))
    order = {check.id: index for index, check in enumerate(checks)}
    findings = sorted(
        (finding for each in found.values() for finding in each),
        key=lambda f: (f.severity.rank, order[f.id], f.stack or "", f.stack_id or ""),
    )
    counts = Counter(finding.severity for finding in findings)
    problems = counts[Severity.PROBLEM]
    return Report(
        at=evidence.now,
        healthy=not problems,
        problems=problems,
        warnings=counts[Severity.WARNING],
        past=counts[Severity.PAST],
        stack_id=evidence.focus,
        totals=totals,
        checks=tuple(checked),
        findings=tuple(findings),
    )


def _findings(checks: Iterable[StackCheck], evidence: Evidence, about: StackEvidence) -> list[Finding]:
    """Return what is wrong with one stack: one problem is told once, by the check that knows its cause."""
    found: dict[str, Finding] = {}
    for check in checks:
        observation = check.judge(evidence, about)
        if observation is not None:
            found[check.id] = _finding(check, observation, about)
    told_by = {check.id: check.told_by for check in checks}
    return [
        finding
        for finding in found.values()
        if not any(
            other in found and found[other].severity.rank <= finding.severity.rank
            for other in told_by[finding.id]
        )
    ]


def _over_all(check: StackCheck, evidence: Evidence, totals: StackTotals) -> Fine | Unknown:
    store = evidence.store
    if store is not None and store.exists and not store.readable:
        return Unknown(_NO_STORE)
    return Fine(check.figures(totals))


def _finding(check: Check, observation: Observation, about: StackEvidence | None = None) -> Finding:
    return Finding(
        **dict(observation),
        id=check.id,
        stack_id=None if about is None else about.id,
        stack=None if about is None else about.name,
    )


def _checked(check: Check, verdict: Observation | Fine | Unknown, findings: Sequence[Finding]) -> Checked:
    match verdict:
        case Observation():
            detail, outcome = verdict.evidence, CheckOutcome(verdict.severity.value)
        case Unknown():
            detail, outcome = verdict.why, CheckOutcome.UNKNOWN
        case Fine():
            detail, outcome = verdict.detail, CheckOutcome.OK
    severities = {finding.severity for finding in findings}
    if Severity.PROBLEM in severities:
        outcome = CheckOutcome.PROBLEM
    elif Severity.WARNING in severities:
        outcome = CheckOutcome.WARNING
    return Checked(id=check.id, title=check.title, outcome=outcome, findings=len(findings), detail=detail)
