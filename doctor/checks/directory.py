"""Whether the data directory exists and can be used."""

import shlex

from recursor.doctor.check import Fine, Unknown
from recursor.doctor.evidence import Evidence, Reach
from recursor.doctor.report import Figures, Observation, Severity, StackTotals


def directory_can_be_used(evidence: Evidence, _totals: StackTotals) -> Observation | Fine | Unknown:
    """A missing directory may be the wrong one; an unusable one stops everything."""
    found = evidence.directory
    if found is None:
        return Unknown("visible to commands only")
    figures: Figures = {"path": found.path, "exists": found.exists, "writable": found.writable}
    if found.problem is not None:
        return Observation(
            severity=Severity.PROBLEM,
            symptom="The data directory can't be used",
            evidence=f"{found.path} {found.problem}",
            figures=figures,
            cause="The path is wrong, or another user owns it.",
            fix="Check the path, then name the right directory with --data.",
            commands=(shlex.join(("ls", "-ld", found.path)),),
        )
    if not found.exists:
        return Observation(
            severity=Severity.WARNING,
            symptom="The data directory does not exist",
            evidence=f"{found.path} does not exist",
            figures=figures,
            cause="No stack was created there, or it is the wrong directory: commands use .recursor "
            "in the current directory.",
            fix="Name the directory with --data or RECURSOR_DATA, or create a stack.",
            commands=(evidence.command("create", "first", "--idea", "a habit tracker", "--start"),),
        )
    if not found.writable and evidence.runner.reach is not Reach.UP:
        return Observation(
            severity=Severity.WARNING,
            symptom="Stacks can be viewed, but neither run nor controlled",
            evidence=f"{found.path} can't be written by this user",
            figures=figures,
            cause="Another user owns it, or the file system is mounted read-only.",
            fix="Run the commands as its owner. This command shows the owner.",
            commands=(shlex.join(("ls", "-ld", found.path)),),
        )
    return Fine(found.path)
