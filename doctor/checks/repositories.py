"""Whether stacks can work on their git repositories: programs, room, checks, todos that need a person."""

from shlex import quote

from recursor.doctor.evidence import Evidence, StackEvidence
from recursor.doctor.report import Observation, Severity
from recursor.domain.wording import COMMIT_DIGITS, TODO_DIGITS, percent, plural, size

# The share of `workspace.disk_bytes` from which a person should act: agents stop at all of it.
FULL_SHARE = 0.9
# A check that has failed for this many proposals, and passed for none, is more likely wrong than all of them.
NEVER_PASSED = 3
IDS_TOLD = 10
_LONGEST = 300


def programs_are_confined(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """Commands, checks and agents run in a sandbox: bubblewrap works, and the settings want it."""
    if found.workspace is None:
        return None
    if found.settings.workspace.sandbox == "off":
        return Observation(
            severity=Severity.WARNING,
            symptom="Programs run without a sandbox",
            evidence="workspace.sandbox is off: commands, checks and agents can do what this user can",
            figures={"sandbox": "off"},
            cause="Somebody has chosen that.",
            fix="Have programs run in the sandbox again.",
            commands=(evidence.command("configure", found.id, "--set", "workspace.sandbox=bwrap"),),
        )
    if evidence.sandbox_problem is None:
        return None
    missing = "not installed" in evidence.sandbox_problem
    return Observation(
        severity=Severity.PROBLEM,
        symptom="Programs cannot run in the sandbox",
        evidence=evidence.sandbox_problem[:_LONGEST],
        figures={"sandbox": "bwrap"},
        cause="Commands, checks and agents run under bubblewrap, which is missing or may not work here.",
        fix="Make bubblewrap work, then resume the stack.",
        commands=(
            "apt-get install bubblewrap" if missing else "bwrap --ro-bind / / --unshare-all true",
            evidence.command("resume", found.id),
        ),
    )


def git_is_installed(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """Repositories are packed with git."""
    if found.workspace is None or evidence.has_git is not False:
        return None
    return Observation(
        severity=Severity.WARNING,
        symptom="git is not installed",
        evidence="no program git in PATH",
        figures={"git": False},
        cause="Agents work without it, but pruning packs repositories with it, and pull and push need it.",
        fix="Install it.",
        commands=("apt-get install git",),
    )


def repository_is_whole(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """The repository exists, and has the commit that the team has agreed on."""
    there = found.repository
    if found.workspace is None or found.workspace.tip is None or there is None or there.problem is None:
        return None
    tip = found.workspace.tip
    return Observation(
        severity=Severity.PROBLEM,
        symptom="The repository lacks the team's work" if there.exists else "The repository is missing",
        evidence=there.problem[:_LONGEST],
        figures={"path": there.path, "tip": tip, "exists": there.exists},
        cause="The files in the data directory were moved, deleted or damaged.",
        fix="Put it back from a copy of the data directory, or from a clone that has the commit "
        f"{tip[:COMMIT_DIGITS]} (first command), then resume the stack. Without either, delete the stack and "
        "create it anew.",
        commands=(
            f"mv {quote(there.path)} {quote(there.path)}.broken; git clone --bare CLONE {quote(there.path)}",
            evidence.command("resume", found.id),
        ),
    )


def repository_has_room(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """The repository and the directories of runs stay within their limit."""
    there, most = found.repository, found.settings.workspace.disk_bytes
    if there is None or there.disk_bytes is None or there.disk_bytes < FULL_SHARE * most:
        return None
    is_full = there.disk_bytes >= most
    return Observation(
        severity=Severity.PROBLEM if is_full else Severity.WARNING,
        symptom="The repository is full" if is_full else "The repository is nearly full",
        evidence=f"{size(there.disk_bytes)} of {size(most)} ({percent(there.disk_bytes / most)}): "
        "the repository and the directories of runs",
        figures={"disk_bytes": there.disk_bytes, "limit_bytes": most},
        cause="Agents add files, and runs that died leave theirs.",
        fix="Remove what runs have left and pack the repository, or raise the limit.",
        commands=(
            evidence.command("prune", found.id),
            evidence.command("configure", found.id, "--set", f"workspace.disk_bytes={2 * most}"),
        ),
    )


def checks_can_pass(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """No check has failed for all the latest proposals."""
    failed = [each for each in found.failing_checks if each.count >= NEVER_PASSED]
    if not failed:
        return None
    worst = max(failed, key=lambda each: each.count)
    return Observation(
        severity=Severity.WARNING,
        symptom="A check never passes",
        evidence=f"{worst.command[:100]} failed for the last {plural(worst.count, 'commit')}, and passed for "
        f"none: {' '.join(worst.output.split())[-_LONGEST:] or 'no output'}",
        figures={"command": worst.command, "failed": worst.count, "checks": len(failed)},
        cause="The check may be wrong, or need what the sandbox does not have: a package, the network.",
        fix="See its output, and correct the check or what it needs.",
        commands=(
            evidence.command("checks", found.id),
            evidence.command("configure", found.id, "--unset", "workspace.checks"),
        ),
    )


def todos_need_no_person(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """No todo has failed so often that it waits for a person."""
    stuck = found.stuck_todos
    if not stuck:
        return None
    problem = " ".join((stuck[0].problem or "no reason given").split())
    return Observation(
        severity=Severity.WARNING,
        symptom="Todos need a person",
        evidence=f"{plural(len(stuck), 'todo')} failed {found.settings.workspace.attempts} times, the first "
        f"{stuck[0].id[-TODO_DIGITS:]}: {problem[:_LONGEST]}",
        figures={"todos": len(stuck), "ids": [todo.id for todo in stuck[:IDS_TOLD]]},
        cause="Its commits conflict with others or fail the checks, and the agents do not find out why.",
        fix="See why, and change the todo (it is then tried again) or cancel it.",
        commands=(
            evidence.command("todos", found.id, "--status", "open"),
            evidence.command("todos", found.id, "--cancel", stuck[0].id),
        ),
    )
