"""The reviewer that asks a model about what was merged since its last review."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from recursor.agents.model import prompt_sections
from recursor.agents.model.context import Context, Item, PromptSection, fit
from recursor.agents.model.reviewer import MOST_ISSUES, Review, by_severity, recommendations
from recursor.agents.model.role import ModelRole, Task
from recursor.agents.scripted.wording import one_line
from recursor.agents.workspace import sections
from recursor.agents.workspace.contents import WorkspaceContents
from recursor.domain.agent import Run
from recursor.domain.effect import Effect, Outcome, Remember, ReviewArtifact
from recursor.domain.extras import needing
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError
from recursor.domain.workspace import Workspace

with needing("workspaces", "A workspace"):
    from recursor.workspaces.differences import Difference, FileDifference
    from recursor.workspaces.errors import RepositoryError
    from recursor.workspaces.history import CommitSummary

# Bytes of a difference that is looked at; what is shown depends on the model.
MOST_BYTES = 400_000
# Commits and changed files that are listed.
MOST_COMMITS, MOST_FILES = 50, 300

# In a patch, lines of files begin with another character.
_FILE = re.compile(r"^(?=diff --git )", re.M)


@dataclass(frozen=True, slots=True)
class _Merged:
    """What was merged since the last review."""

    difference: Difference
    commits: tuple[CommitSummary, ...]
    is_first: bool


class WorkspaceReviewer(ModelRole[Review]):
    """Judges what was merged since its last review."""

    prompt = "workspace-reviewer"

    async def task(self, snapshot: Snapshot, run: Run) -> Task[Review] | Outcome:
        """See `ModelRole.task`. Where no file has changed, there is nothing to ask."""
        workspace = snapshot.workspace
        if workspace is None or workspace.tip is None:
            return Outcome()
        try:
            merged = await _merged(snapshot, run, workspace.tip)
        except RepositoryError as error:
            raise AgentFailedError(str(error)) from None
        if not merged.difference.files:
            return Outcome(
                effects=(ReviewArtifact(number=workspace.number, recommendations=_findings(workspace)),),
                summary="No file has changed since the last review.",
            )
        return DifferenceTask(snapshot, run, workspace, merged)


async def _merged(snapshot: Snapshot, run: Run, tip: str) -> _Merged:
    contents = WorkspaceContents(snapshot, run)
    state = snapshot.states.get(run.role)
    since = None if state is None else state.long_term.reviewed_commit
    if since is None or not await contents.has(since):
        since, is_first = await contents.before_the_team(tip), True
    else:
        is_first = False
    commits = await contents.commits(tip, MOST_COMMITS)
    new = [commit.commit for commit in commits].index(since) if _has(commits, since) else len(commits)
    return _Merged(await contents.difference(since, tip, MOST_BYTES), commits[:new], is_first)


def _has(commits: Sequence[CommitSummary], commit: str) -> bool:
    return any(each.commit == commit for each in commits)


def _findings(workspace: Workspace) -> tuple[str, ...]:
    return tuple(
        f"The check `{check.command}` fails on the newest version: put that right"
        for check in workspace.checks
        if not check.passed
    )


class DifferenceTask(Task[Review]):
    """The difference since the last review."""

    output = Review

    def __init__(self, snapshot: Snapshot, run: Run, workspace: Workspace, merged: _Merged) -> None:
        super().__init__(snapshot, run)
        self._workspace = workspace
        self._merged = merged
        self._is_cut = False

    def values(self) -> dict[str, object]:
        """See `Task.values`."""
        return {"most_issues": MOST_ISSUES, "is_first": self._merged.is_first, "is_cut": self._is_cut}

    def sections(self) -> Sequence[PromptSection]:
        """See `Task.sections`."""
        snapshot, merged = self.snapshot, self._merged
        listed = merged.difference.files
        more = [f"({len(listed) - MOST_FILES:,} more)"] if len(listed) > MOST_FILES else []
        names = [*map(_listed, listed[:MOST_FILES]), *more]
        # Small ones first: a generated file of many thousand lines should not keep the others out.
        patches = sorted(filter(None, _FILE.split(merged.difference.text)), key=len)
        return (
            prompt_sections.idea(snapshot),
            sections.checks(self._workspace.checks),
            PromptSection("changed files", "The changed files", (Item("\n".join(names)),), 0.1, cut=True),
            PromptSection("difference", "The difference", tuple(map(Item, patches)), share=0.6, cut=True),
            sections.commits(merged.commits, "The commits that were merged, the newest first"),
            sections.closed_todos(snapshot),
            sections.open_todos(snapshot, snapshot.open_todos),
            prompt_sections.memory(snapshot, self.run.role),
        )

    def fitted(self, sections: Sequence[PromptSection], room: int) -> Context:
        """See `Task.fitted`."""
        context = fit(sections, room)
        shown = len(context.shown["difference"])
        self._is_cut = "difference" in context.cut or shown < len(self._merged.difference.files)
        return context

    def effects(self, answer: Review) -> Sequence[Effect]:
        """See `Task.effects`."""
        workspace = self._workspace
        said = answer.verdict or answer.summary
        wanted = recommendations(_findings(workspace), answer.issues, self.snapshot.open_todos)
        return (
            ReviewArtifact(number=workspace.number, recommendations=wanted),
            Remember(facts=(one_line(f"Commit {(workspace.tip or '')[:12]}: {said}", 300),)),
        )

    def thoughts(self, answer: Review) -> Sequence[str]:
        """See `Task.thoughts`."""
        judged = [f"{issue.severity}: {issue.problem}" for issue in by_severity(answer.issues)]
        return [*_findings(self._workspace), *judged, *answer.thoughts]


def _listed(file: FileDifference) -> str:
    lines = "" if file.insertions is None else f" (+{file.insertions:,} -{file.deletions:,})"
    moved = f" from {file.old_path}" if file.old_path != file.path else ""
    return f"- {file.change}: {file.path}{moved}{lines}"
