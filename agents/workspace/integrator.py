"""The integrator: makes the repository, and merges proposed commits whose result passes the checks."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field

from recursor.agents.model.exchange import exchange_of
from recursor.agents.workspace.checks import SPARE_SECONDS, explained, failed, run_checks
from recursor.agents.workspace.working_tree import author_of, working_tree, workspaces_of
from recursor.domain.agent import Run
from recursor.domain.effect import Effect, MoveTip, Outcome, RefusePull, ReturnProposal
from recursor.domain.errors import in_one_line
from recursor.domain.extras import needing
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError
from recursor.domain.workspace import TODO_PROBLEM, CheckResult, Workspace
from recursor.orchestration.workspace_detectors import ready_to_merge

with needing("workspaces", "A workspace"):
    from recursor.workspaces.errors import RepositoryError
    from recursor.workspaces.merging import Conflicted, Merged
    from recursor.workspaces.repository import Repository
    from recursor.workspaces.upkeep import kept_for_merge


class Integrator:
    """Works through the merge queue of a stack, oldest commit first.

    Each commit is merged onto the tip as it then is, and the checks are run on the result. It calls no model.
    """

    async def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        """See `recursor.domain.agent.Agent.run`."""
        workspace = snapshot.workspace
        if workspace is None:
            return Outcome()
        try:
            if workspace.tip is None:
                return await _make(snapshot, run, workspace)
            return await _Queue(snapshot, run, workspace, workspace.tip).work()
        except RepositoryError as error:
            raise AgentFailedError(in_one_line(error)) from None


async def _make(snapshot: Snapshot, run: Run, workspace: Workspace) -> Outcome:
    """Make or clone the repository, and run the checks on what was cloned."""
    path = workspaces_of(run).repository_path(snapshot.stack.id)
    told = "Made an empty repository" if workspace.origin is None else f"Cloned {workspace.origin}"

    def make() -> tuple[str, str]:
        # A run that was interrupted may have made it; its record is not stored.
        shutil.rmtree(path, ignore_errors=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        if workspace.origin is None:
            tip = Repository.make(path, snapshot.taken_at)
        else:
            tip = Repository.clone(path, workspace.origin, workspace.branch, _until(run))
        return tip, Repository.open(path).branches()[0]

    tip, branch = await asyncio.to_thread(make)
    results: tuple[CheckResult, ...] = ()
    if workspace.origin is not None:
        async with working_tree(snapshot, run, tip) as tree:
            results = await run_checks(tree)
    failure = failed(results)
    return Outcome(
        effects=(MoveTip(tip=tip, onto=None, branch=branch, checks=results),),
        summary=f"{told}: {tip[:12]}" + ("" if failure is None else ", which does not pass the checks"),
        thoughts=() if failure is None else (explained(failure),),
    )


def _until(run: Run) -> Callable[[object], None]:
    """Return a listener that ends a clone when its run is abandoned."""

    def on_progress(_progress: object) -> None:
        if run.cancelled.is_set():
            raise AgentFailedError("the run was abandoned")

    return on_progress


@dataclass
class _Queue:
    """One pass through the merge queue."""

    snapshot: Snapshot
    run: Run
    workspace: Workspace
    tip: str
    """The tip so far."""
    effects: list[Effect] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    async def work(self) -> Outcome:
        for pull in self.workspace.pulls:
            if not self._has_time:
                break
            result = await self._merged(pull.commit, f"Merge {pull.source}", pull.id)
            if isinstance(result, str):
                self.effects.append(RefusePull(pull_id=pull.id, reason=_cut(result)))
                self.told.append(f"Refused the pull from {pull.source}")
            else:
                self._move(result, pull_id=pull.id)
                self.told.append(f"Merged the pull from {pull.source}")
        for proposal in ready_to_merge(self.snapshot):
            if not self._has_time:
                break
            result = await self._merged(proposal.commit, f"Merge “{proposal.title}”", proposal.id)
            if isinstance(result, str):
                self.effects.append(
                    ReturnProposal(proposal_id=proposal.id, reason=_cut(result), checks=self._checks)
                )
                self.told.append(f"Returned “{proposal.title}”")
            else:
                self._move(result, proposal_id=proposal.id)
                self.told.append(f"Merged “{proposal.title}”")
        return Outcome(effects=tuple(self.effects), summary="; ".join(self.told)[:1_000])

    @property
    def _has_time(self) -> bool:
        """Whether all checks of another commit can end in time: else what is merged so far could be lost."""
        settings, now = self.run.settings.workspace, exchange_of(self.run).clock.now()
        needed = len(settings.checks) * settings.check_seconds
        return not self.effects or self.run.deadline - now - SPARE_SECONDS > needed

    async def _merged(
        self, commit: str, message: str, part: str
    ) -> tuple[str, tuple[CheckResult, ...]] | str:
        """Return the checked merge of a commit, or why it is refused."""
        self._checks: tuple[CheckResult, ...] = ()
        try:
            found = await asyncio.to_thread(self._merge, commit, message)
            if isinstance(found, Conflicted):
                return (
                    f"it conflicts with what was merged meanwhile, in {', '.join(found.paths)}:\n{found.text}"
                )
            async with working_tree(self.snapshot, self.run, found.commit, part) as tree:
                self._checks = await run_checks(tree)
        except RepositoryError as error:
            return in_one_line(error)
        failure = failed(self._checks)
        return (found.commit, self._checks) if failure is None else explained(failure)

    def _merge(self, commit: str, message: str) -> Merged | Conflicted:
        repository = workspaces_of(self.run).open(self.snapshot.stack.id)
        author = author_of(self.snapshot.stack, self.run.role)
        merged = repository.merge(self.tip, commit, author, message, self.snapshot.taken_at)
        if isinstance(merged, Merged):
            # Until its record is stored, nothing else refers to it.
            repository.keep(kept_for_merge(self.run.execution_id, merged.commit), merged.commit)
        return merged

    def _move(
        self,
        result: tuple[str, tuple[CheckResult, ...]],
        proposal_id: str | None = None,
        pull_id: str | None = None,
    ) -> None:
        commit, checks = result
        self.effects.append(
            MoveTip(tip=commit, onto=self.tip, proposal_id=proposal_id, pull_id=pull_id, checks=checks)
        )
        self.tip = commit


def _cut(text: str) -> str:
    if len(text) <= TODO_PROBLEM:
        return text
    return f"{text[:1_000]}\n[...]\n{text[-TODO_PROBLEM + 1_100 :]}"
