"""The checks of a commit: commands that must succeed before it is merged."""

from collections.abc import Sequence

from recursor.agents.model.exchange import exchange_of
from recursor.agents.workspace.live_log import LiveLog
from recursor.agents.workspace.programs import run_program
from recursor.agents.workspace.working_tree import RunTree
from recursor.domain.extras import needing
from recursor.domain.spending import AgentFailedError
from recursor.domain.workspace import CHECK_OUTPUT, CheckResult

with needing("workspaces", "A workspace"):
    from recursor.workspaces.sandbox import SandboxError


# A program that is tried in a tree should leave nothing there that would be committed.
TIDY = {"PYTHONDONTWRITEBYTECODE": "1"}

# Seconds of a run that its checks leave for what follows them.
SPARE_SECONDS = 20.0


async def run_checks(tree: RunTree, log: LiveLog | None = None) -> tuple[CheckResult, ...]:
    """Run the checks of the stack in a working tree, in turn, until one fails.

    Args:
        tree: the working tree. The integrator commits nothing of what checks write there; a builder that
            tries them does.
        log: shows what they print.

    Raises:
        AgentFailedError: the sandbox cannot be used; a person must act.
    """
    run, settings = tree.run, tree.run.settings.workspace
    clock = exchange_of(run).clock
    log = log or LiveLog(run)
    results: list[CheckResult] = []
    for command in settings.checks:
        log.step(f"check: {command}")
        try:
            # A check that takes longer than the run has left fails, and the run can still say so.
            left = max(run.deadline - clock.now() - SPARE_SECONDS, 1.0)
            seconds = min(settings.check_seconds, left)
            ended = await run_program(tree, command, seconds, environment=TIDY, on_output=log.add)
        except SandboxError as error:
            raise AgentFailedError(str(error), suspend=True) from None
        output = ended.output[-CHECK_OUTPUT:]
        if ended.stopped_because is not None:
            output += f"\n[stopped: {ended.stopped_because}]"
        results.append(
            CheckResult(
                command=command,
                passed=ended.succeeded,
                status=ended.status,
                seconds=ended.seconds,
                output=output,
                commit=tree.commit,
                at=clock.now(),
            )
        )
        if not ended.succeeded:
            break
    return tuple(results)


def failed(results: Sequence[CheckResult]) -> CheckResult | None:
    """Return the check that failed, or None."""
    return next((result for result in results if not result.passed), None)


def explained(result: CheckResult) -> str:
    """Return why a check failed, with the end of its output."""
    return f"the check `{result.command}` failed with exit status {result.status}:\n{result.output}".strip()
