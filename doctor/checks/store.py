"""Whether the store is readable, and of this program's version."""

from shlex import quote

from recursor.doctor.check import Fine, Unknown
from recursor.doctor.evidence import Evidence, Reach
from recursor.doctor.report import Observation, Severity, StackTotals
from recursor.domain.wording import plural, size


def store_can_be_read(evidence: Evidence, totals: StackTotals) -> Observation | Fine | Unknown:
    """A store that cannot be opened hides all stacks."""
    found = evidence.store
    if found is None:
        return Unknown("not checked")
    if found.problem is not None:
        return Observation(
            severity=Severity.PROBLEM,
            symptom="No stack can be shown or run",
            evidence=found.problem,
            figures={"path": found.path, "bytes": found.bytes},
            cause="The store's files are damaged, are not a store, or belong to another user.",
            fix="Check the files. If this user owns them, restore a backup (recursor restore).",
            commands=(f"ls -l {quote(found.path)}",),
        )
    if not found.exists:
        return Fine("there is none yet")
    return Fine(f"{size(found.bytes)} on disk, {plural(totals.stacks, 'stack')}")


def store_has_this_version(evidence: Evidence, _totals: StackTotals) -> Observation | Fine | Unknown:
    """A store of another schema version is not read: its records could be misinterpreted."""
    found = evidence.store
    if found is None or found.problem is not None or not found.exists or found.schema_version is None:
        return Unknown("the store was not opened")
    if found.schema_version == found.latest:
        return Fine(f"schema version {found.schema_version}")
    figures = {"version": found.schema_version, "latest": found.latest}
    said = f"it has schema version {found.schema_version}, this program reads {found.latest}"
    if found.schema_version > found.latest:
        return Observation(
            severity=Severity.PROBLEM,
            symptom="The store is newer than this program",
            evidence=said,
            figures=figures,
            cause="A newer Recursor migrated it. An older one must not write to it.",
            fix="Use the newer Recursor. This command shows the version that runs here.",
            commands=("recursor --version",),
        )
    return Observation(
        severity=Severity.PROBLEM,
        symptom="The store must be migrated before it can be read",
        evidence=said,
        figures=figures,
        cause="An older Recursor wrote it, and no runner of this version has opened it yet."
        if evidence.runner.reach is Reach.ABSENT
        else "A runner of an older Recursor is up on it.",
        fix="Back it up, then start a runner of this version: it migrates the store."
        if evidence.runner.reach is Reach.ABSENT
        else "End that runner, back the store up, then start a runner of this version.",
        commands=(
            *(() if evidence.runner.pid is None else (f"kill {evidence.runner.pid}",)),
            evidence.command("backup", f"{found.path}.before-update"),
            evidence.command("run"),
        ),
    )
