"""From evidence to a report: every check on everything it is about."""

from collections import defaultdict
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
        stacks: the stacks, each looked at once and let go: there may be many.
        checks: what to judge by.
    """
    tally = Tally()
    found: defaultdict[str, list[Finding]] = defaultdict(list)
    on_stacks = [check for check in checks if isinstance(check, StackCheck)]
    for each in stacks:
        tally.add(each)
        for stack_check in on_stacks:
            observation = stack_check.judge(evidence, each)
            if observation is not None:
                found[stack_check.id].append(_finding(stack_check, observation, each))
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
        key=lambda f: (f.severity is not Severity.PROBLEM, order[f.id], f.stack or "", f.stack_id or ""),
    )
    problems = sum(finding.severity is Severity.PROBLEM for finding in findings)
    return Report(
        at=evidence.now,
        healthy=not problems,
        problems=problems,
        warnings=len(findings) - problems,
        stack_id=evidence.focus,
        totals=totals,
        checks=tuple(checked),
        findings=tuple(findings),
    )


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
    if findings:
        problem = any(finding.severity is Severity.PROBLEM for finding in findings)
        outcome = CheckOutcome.PROBLEM if problem else CheckOutcome.WARNING
    return Checked(id=check.id, title=check.title, outcome=outcome, findings=len(findings), detail=detail)
