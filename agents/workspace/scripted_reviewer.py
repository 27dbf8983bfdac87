"""The scripted reviewer on a repository: what changed since its last review, and what a site lacks."""

import asyncio
from pathlib import Path

from recursor.agents.recommendations import planned
from recursor.agents.scripted.check_site import pages_of, problems_of
from recursor.agents.scripted.site import HOME, NOT_LINKED, site_step_of
from recursor.agents.scripted.wording import one_line
from recursor.agents.workspace.scripted_planner import makes_site
from recursor.agents.workspace.working_tree import working_tree, workspaces_of
from recursor.domain.agent import Run
from recursor.domain.effect import Outcome, Remember, ReviewArtifact, SetFocus
from recursor.domain.snapshot import Snapshot
from recursor.domain.workspace import Workspace

# The most recommendations of one review.
MAX_RECOMMENDATIONS = 4
_MOST_NAMED = 8


class ScriptedRepositoryReviewer:
    """Tells the difference since the last review. It recommends what a fixed rule finds: little."""

    async def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        """See `recursor.domain.agent.Agent.run`."""
        workspace = snapshot.workspace
        if workspace is None or workspace.tip is None:
            return Outcome()
        changed = await asyncio.to_thread(_changed, snapshot, run, workspace, workspace.tip)
        findings = [
            f"The check `{check.command}` fails on the tip: make it pass"
            for check in workspace.checks
            if not check.passed
        ]
        if makes_site(snapshot, run):
            async with working_tree(snapshot, run, workspace.tip) as tree:
                findings += await asyncio.to_thread(problems_of, tree.directory)
                # While more pages are to come, the home page is behind.
                if not any(map(site_step_of, snapshot.open_todos)):
                    findings += await asyncio.to_thread(_alone, tree.directory)
        following = planned(snapshot.open_todos)
        new = tuple([one_line(each, 600) for each in findings if each not in following][:MAX_RECOMMENDATIONS])
        said = f"Tip {workspace.tip[:12]}: {changed}; {_verdict(workspace, len(findings))}."
        return Outcome(
            effects=(
                ReviewArtifact(number=workspace.number, recommendations=new),
                Remember(facts=(one_line(said, 300),)),
                SetFocus(active_task=None, focus=one_line(said, 200)),
            ),
            summary=said,
            thoughts=tuple(findings[:MAX_RECOMMENDATIONS]),
        )


def _changed(snapshot: Snapshot, run: Run, workspace: Workspace, tip: str) -> str:
    """Say which files differ from those of the last review."""
    state = snapshot.states.get("reviewer")
    last = None if state is None else state.long_term.reviewed_commit
    repository = workspaces_of(run).open(workspace.stack_id)
    if last is None or not repository.exists(last):
        return "its first review"
    files = [each.path for each in repository.files_changed(last, tip)]
    if not files:
        return "no file changed since the last review"
    more = f" and {len(files) - _MOST_NAMED:,} more" if len(files) > _MOST_NAMED else ""
    return f"{len(files):,} changed since {last[:12]}: {', '.join(files[:_MOST_NAMED])}{more}"


def _alone(directory: Path) -> list[str]:
    """Return a line for each page that the home page does not link to."""
    pages = pages_of(directory)
    linked = pages[HOME].links if HOME in pages else []
    return [f"{path}: {NOT_LINKED}" for path in pages if path not in (HOME, *linked)]


def _verdict(workspace: Workspace, findings: int) -> str:
    if findings:
        return f"{findings:,} to put right"
    if not workspace.checks:
        return "nothing found; it has no checks"
    return "nothing found, and its checks pass"
