"""The work of a team on a git repository: which todos to build at once, and what to merge."""

from collections.abc import Iterator, Sequence

from recursor.domain.approval import ApprovalStatus
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.todo import Todo
from recursor.domain.work import WorkStatus
from recursor.domain.workspace import CommitProposal


def detect_integrator(snapshot: Snapshot, settings: Settings, now: float) -> WorkStatus:
    """The integrator: a repository to make, commits of people, proposed commits."""
    del settings, now
    workspace = snapshot.workspace
    if workspace is None:
        return WorkStatus(has_work=False, reason="the stack has no repository")
    if workspace.tip is None:
        what = "to be made" if workspace.origin is None else f"to be cloned from {workspace.origin}"
        return WorkStatus(has_work=True, priority=10, reason=f"the repository is {what}")
    if workspace.pulls:
        told = _count(len(workspace.pulls), "pull")
        return WorkStatus(has_work=True, priority=9, reason=f"{told} of a person to merge")
    ready = ready_to_merge(snapshot)
    if ready:
        told = _count(len(ready), "proposed commit")
        return WorkStatus(has_work=True, priority=9, reason=f"{told} to merge, first “{ready[0].title}”")
    if snapshot.proposals:
        told = _count(len(snapshot.proposals), "proposed commit")
        return WorkStatus(has_work=False, reason=f"{told} waiting for approval")
    return WorkStatus(has_work=False, reason="no proposed commits")


def detect_workspace_builder(snapshot: Snapshot, settings: Settings) -> WorkStatus:
    """The builder on a repository: the todos that can be worked on at once, a run for each."""
    if snapshot.workspace is None or snapshot.workspace.tip is None:
        return WorkStatus(has_work=False, reason="the repository is not made yet")
    todos = snapshot.open_todos
    if not todos:
        return WorkStatus(has_work=False, reason="no pending todos")
    chosen = todos_to_build(snapshot, settings)
    if not chosen:
        return WorkStatus(has_work=False, reason="; ".join(_obstacles(snapshot, settings)))
    least = settings.detection.urgent_todo
    urgent = sum(todo.priority >= least for todo in todos)
    told = f"{_count(len(todos) + snapshot.more_todos, 'pending todo')}, {len(chosen)} at once"
    return WorkStatus(
        has_work=True,
        priority=8 if urgent else 6,
        reason=f"{told}, {urgent} of priority {least} or more" if urgent else told,
        todos=tuple([todo.id for todo in chosen]),
    )


def ready_to_merge(snapshot: Snapshot) -> list[CommitProposal]:
    """Return the proposed commits that need no approval, or have it; oldest first."""
    approved = {each.id for each in snapshot.approvals if each.status is ApprovalStatus.APPROVED}
    return [each for each in snapshot.proposals if each.approval_id is None or each.approval_id in approved]


def todos_to_build(snapshot: Snapshot, settings: Settings) -> list[Todo]:
    """Return the todos to work on at once, most urgent first, at most `workspace.builders`.

    A todo is left out while its commit waits to be merged or its run for an approval; while another that it
    needs is open; while another about the same paths is worked on or waits to be merged; and after its last
    attempt, until a person changes it.
    """
    queued = {proposal.todo_id for proposal in snapshot.proposals}
    waiting = queued | _asking(snapshot)
    by_id = {todo.id: todo for todo in snapshot.todos}
    taken = [by_id[todo_id].paths for todo_id in queued if todo_id in by_id]
    chosen: list[Todo] = []
    for todo in snapshot.open_todos:
        if len(chosen) == settings.workspace.builders:
            break
        if todo.id in waiting or needs_person(todo, settings) or _needed_first(todo, by_id, snapshot):
            continue
        if not any(overlap(todo.paths, paths) for paths in taken):
            chosen.append(todo)
            taken.append(todo.paths)
    return chosen


def _asking(snapshot: Snapshot) -> set[str]:
    """Return the todos whose runs wait for the answer of a person."""
    return {
        each.todo_id
        for each in snapshot.approvals
        if each.status is ApprovalStatus.PENDING and each.todo_id is not None
    }


def needs_person(todo: Todo, settings: Settings) -> bool:
    """Return whether a todo has failed so often that a person must change it first."""
    return todo.status.open and todo.attempts >= settings.workspace.attempts


def overlap(paths: Sequence[str], others: Sequence[str]) -> bool:
    """Return whether two lists of files and folders have a file in common; an empty list has none."""
    return any(_contains(a, b) or _contains(b, a) for a in map(_parts, paths) for b in map(_parts, others))


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _contains(folder: list[str], path: list[str]) -> bool:
    return path[: len(folder)] == folder


def _needed_first(todo: Todo, by_id: dict[str, Todo], snapshot: Snapshot) -> bool:
    """Return whether another todo must be closed before this one. A cancelled one is needed no longer."""
    for todo_id in todo.needs:
        needed = by_id.get(todo_id)
        # All open todos are shown, unless there are more than a snapshot holds.
        if snapshot.more_todos > 0 if needed is None else needed.status.open:
            return True
    return False


def _obstacles(snapshot: Snapshot, settings: Settings) -> Iterator[str]:
    """Say why none of the open todos can be worked on."""
    todos, queued = snapshot.open_todos, {proposal.todo_id for proposal in snapshot.proposals}
    waiting = [todo for todo in todos if todo.id in queued]
    stuck = [todo for todo in todos if todo.id not in queued and needs_person(todo, settings)]
    blocked = len(todos) - len(waiting) - len(stuck)
    if waiting:
        yield f"{_count(len(waiting), 'todo')} waiting to be merged"
    if stuck:
        problem = (stuck[0].problem or "").strip().partition("\n")[0][:120]
        yield (
            f"{_count(len(stuck), 'todo')} failed {settings.workspace.attempts} times and "
            f"{'needs' if len(stuck) == 1 else 'need'} a person: {problem}"
        )
    if blocked:
        yield f"{_count(blocked, 'todo')} waiting for others"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
