"""The two lists of the doctor's page: findings and checks."""

from collections.abc import Sequence

from nicegui.element import Element

from recursor.doctor.report import Checked, CheckOutcome, Finding, Severity
from recursor.web.dashboard.state_styles import StateStyle

# More would not help on a page; a thousand teams may have the same problem.
SHOWN = 50

_SEVERITIES = {
    Severity.PROBLEM: StateStyle("Problem", "bad", "cross"),
    Severity.WARNING: StateStyle("Warning", "warn", "alert"),
    Severity.PAST: StateStyle("Over", "quiet", "check"),
}
_OUTCOMES = {
    CheckOutcome.OK: StateStyle("Well", "good", "check"),
    CheckOutcome.WARNING: StateStyle("Warning", "warn", "alert"),
    CheckOutcome.PROBLEM: StateStyle("Problem", "bad", "cross"),
    CheckOutcome.UNKNOWN: StateStyle("Unknown", "quiet", "minus"),
}


class Findings(Element, component="findings.js"):
    """Problems, causes and remedies."""

    def __init__(self) -> None:
        """Create it, empty."""
        super().__init__()
        self.show(())

    def show(self, findings: Sequence[Finding]) -> None:
        """Show these findings."""
        left = len(findings) - SHOWN
        self._props.update(
            {
                "findings": [_finding(index, one) for index, one in enumerate(findings[:SHOWN])],
                "left": f"And {left:,} more: `recursor doctor` in a terminal lists them all."
                if left > 0
                else "",
            }
        )


class Checks(Element, component="checks.js"):
    """The checks."""

    def __init__(self) -> None:
        """Create it, empty."""
        super().__init__()
        self.show(())

    def show(self, checks: Sequence[Checked]) -> None:
        """Show these checks."""
        self._props["checks"] = [
            {
                "id": one.id,
                "title": one.title[:1].upper() + one.title[1:],
                "detail": one.detail,
                **_OUTCOMES[one.outcome]._asdict(),
            }
            for one in checks
        ]


def _finding(index: int, finding: Finding) -> dict[str, object]:
    return {
        "key": index,
        "symptom": finding.symptom,
        "evidence": finding.evidence,
        "cause": finding.cause,
        "fix": finding.fix,
        "commands": list(finding.commands),
        "team": finding.stack_id,
        "name": finding.stack or finding.stack_id,
        **_SEVERITIES[finding.severity]._asdict(),
    }
