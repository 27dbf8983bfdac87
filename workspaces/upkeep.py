"""Keeps the repositories of all stacks in step with their records, without holding anybody up."""

import logging
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from recursor.domain.errors import RecursorError, in_one_line
from recursor.domain.workspace import Workspace

if TYPE_CHECKING:
    from recursor.workspaces.directories import Workspaces

logger = logging.getLogger("recursor.workspaces")


_TODOS, _MERGES = "todos", "merges"


def kept_for_todo(todo_id: str, commit: str) -> str:
    """Return the name under which a commit proposed for a todo is kept, until the todo is closed."""
    return f"{_TODOS}/{todo_id}/{commit}"


def kept_for_merge(execution_id: str, commit: str) -> str:
    """Return the name under which a merge is kept until its cycle has ended and its record is stored."""
    return f"{_MERGES}/{execution_id}/{commit}"


class Upkeep:
    """Sets branches to the recorded tips, and removes repositories of deleted stacks, on one thread.

    A branch is for people's own git. Recursor reads commits by the hash in the record, so a branch that is
    late, or that a crash has kept from moving, harms nobody; it is set again when the stack wakes.
    """

    def __init__(self, root: Path) -> None:
        """Keep the repositories in `root`, which need not exist."""
        self._root = root
        self._thread = ThreadPoolExecutor(1, "recursor-workspaces")

    @cached_property
    def workspaces(self) -> "Workspaces":
        """Where the repositories are.

        Raises:
            ExtraMissingError: the extra `workspaces` is not installed.
        """
        # Few programs have stacks with repositories, and libgit2 takes a tenth of a second to import.
        from recursor.workspaces.directories import Workspaces

        return Workspaces(self._root)

    def tidy(self, stacks: Collection[str]) -> None:
        """Remove what runs and stacks that no longer exist have left. No run may be under way.

        Args:
            stacks: the ids of all stacks with a repository.
        """
        if not self._root.is_dir():
            return
        self.workspaces.remove_abandoned_runs()
        for stack_id in self.workspaces.stacks():
            if stack_id not in stacks:
                self.remove(stack_id)

    def publish(
        self, workspace: Workspace, todos: Collection[str], newest_todo: str, execution_id: str | None
    ) -> None:
        """Set the branch of a repository to its recorded tip, and forget commits that nobody needs any more.

        Args:
            workspace: the record.
            todos: the ids of the open todos: the commits proposed for them are kept.
            newest_todo: the id of the newest todo, open or not; empty if there is none.
            execution_id: the running cycle, whose merges may not be recorded yet.
        """
        tip, branch = workspace.tip, workspace.branch
        if tip is None or branch is None:
            return

        def publish() -> None:
            repository = self.workspaces.open(workspace.stack_id)
            repository.set_branch(branch, tip)
            for name in repository.kept():
                kind, owner, _ = (*name.split("/", 2), "", "")[:3]
                # Ids sort by age. What is newer than these records was kept since, and may be needed.
                if (kind == _TODOS and owner not in todos and owner <= newest_todo) or (
                    kind == _MERGES and execution_id is not None and owner < execution_id
                ):
                    repository.forget(name)

        self._do(f"the branch of stack {workspace.stack_id} could not be set", publish)

    def remove(self, stack_id: str) -> None:
        """Remove the repository of a deleted stack."""
        self._do(
            f"the repository of stack {stack_id} could not be removed",
            lambda: self.workspaces.delete(stack_id),
        )

    def close(self) -> None:
        """Finish what was asked for, and end the thread."""
        self._thread.shutdown()

    def _do(self, failed: str, work: Callable[[], object]) -> None:
        def done() -> None:
            try:
                work()
            except (RecursorError, OSError) as error:
                logger.warning("%s: %s", failed, in_one_line(error))

        self._thread.submit(done)
