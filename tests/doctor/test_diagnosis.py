"""From evidence to a report: what the command, the API and the page show."""

from recursor.doctor.catalogue import CHECKS
from recursor.doctor.check import SystemCheck
from recursor.doctor.diagnosis import diagnose
from recursor.doctor.evidence import StoreEvidence
from recursor.doctor.report import CheckOutcome
from recursor.domain.stack import ExecutionState
from tests.doctor.evidence import broken_stack, healthy, healthy_stack, make_runner
from tests.making import NOW, STACK

FAILING = {"failures_in_a_row": 1, "last_activity_at": NOW - 20, "last_failure_at": NOW - 20}


def test_health_is_told_with_the_figures_of_every_check() -> None:
    report = diagnose(healthy(), [healthy_stack(), healthy_stack(id="5eed000000000002")])
    assert report.healthy
    assert (report.problems, report.warnings, report.findings) == (0, 0, ())
    assert [check.id for check in report.checks] == [
        c.id for c in CHECKS if isinstance(c, SystemCheck) or not c.in_focus
    ]
    assert {check.outcome for check in report.checks} == {CheckOutcome.OK}
    assert all(check.detail for check in report.checks)
    assert report.totals.stacks == 2
    assert report.totals.states == {"running": 2}
    assert report.totals.cycles == 2 * 100
    assert report.totals.success_rate == 1.0
    assert report.totals.average_seconds == 2.0
    assert report.totals.average_parallel == 1.5


def test_problems_come_first_then_in_the_order_of_the_checks_then_by_name() -> None:
    stacks = [
        broken_stack(id=f"5eed00000000000{number}", name=name)
        for number, name in enumerate(("pear", "apple"), 1)
    ]
    warned = healthy_stack(id="5eed000000000003", stack={**FAILING, "name": "quince"})
    report = diagnose(healthy(), [warned, *stacks])
    assert not report.healthy
    assert [(finding.id, finding.stack) for finding in report.findings] == [
        ("paused", "apple"),
        ("paused", "pear"),
        ("failing-now", "quince"),
    ]
    assert (report.problems, report.warnings) == (2, 1)
    outcomes = {check.id: check.outcome for check in report.checks}
    assert outcomes["paused"] is CheckOutcome.PROBLEM
    assert outcomes["failing-now"] is CheckOutcome.WARNING


def test_a_warning_alone_is_healthy() -> None:
    report = diagnose(healthy(), [healthy_stack(stack=FAILING)])
    assert report.healthy
    assert report.warnings == 1


def test_what_there_is_no_evidence_for_is_unknown_not_fine() -> None:
    evidence = healthy(disk=None, lock=None, directory=None, store=None, runner=make_runner(commanded=None))
    outcomes = {check.id: check.outcome for check in diagnose(evidence, ()).checks}
    for check in ("disk-space", "lock", "data-directory", "store-unreadable", "store-version", "commands"):
        assert outcomes[check] is CheckOutcome.UNKNOWN


def test_stacks_of_a_store_that_cannot_be_read_are_unknown() -> None:
    store = StoreEvidence(path="/data/store", exists=True, problem="damaged")
    report = diagnose(healthy(store=store), ())
    assert [finding.id for finding in report.findings] == ["store-unreadable"]
    outcomes = {check.id: check.outcome for check in report.checks}
    for check in CHECKS:
        if not isinstance(check, SystemCheck) and not check.in_focus:
            assert outcomes[check.id] is CheckOutcome.UNKNOWN


def test_a_stack_that_somebody_asks_about_is_told_to_be_at_rest() -> None:
    stopped = healthy_stack(stack={"state": ExecutionState.STOPPED})
    assert diagnose(healthy(), [stopped]).findings == ()
    (finding,) = diagnose(healthy(focus=STACK), [stopped]).findings
    assert finding.id == "not-running"
    assert finding.commands == (f"recursor start {STACK}",)


def test_json_is_what_scripts_rely_on() -> None:
    report = diagnose(healthy(data="/a b"), [broken_stack()]).model_dump(mode="json")
    assert set(report) == {
        "at", "healthy", "problems", "warnings", "past", "stack_id", "totals", "checks", "findings",
    }  # fmt: skip
    (finding,) = report["findings"]
    assert set(finding) == {
        "severity", "symptom", "evidence", "figures", "cause", "fix", "commands", "since", "until", "id",
        "stack_id", "stack",
    }  # fmt: skip
    assert finding["severity"] == "problem"
    assert finding["commands"][-1] == f"recursor resume {STACK} --data '/a b'"
    assert set(report["checks"][0]) == {"id", "title", "outcome", "findings", "detail"}


def test_ids_are_unique_and_stable_names() -> None:
    ids = [check.id for check in CHECKS]
    assert len(set(ids)) == len(ids)
    assert all(each.replace("-", "").isalpha() and each.islower() for each in ids)
