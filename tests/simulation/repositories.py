"""Repositories without a disk: a commit is a hash, and the commits that went into it."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha1
from typing import TYPE_CHECKING

from recursor.domain.workspace import ProposalStatus
from recursor.storage.tables import PROPOSALS, WORKSPACES
from tests.simulation.disk import Disk, Fields
from tests.simulation.journal import written

if TYPE_CHECKING:
    from tests.simulation.world import World


class Repositories:
    """All commits that were ever made: objects are never lost, for each is on disk before its record."""

    def __init__(self) -> None:
        self._contents: dict[str, tuple[str, ...]] = {}

    def begin(self, stack_id: str) -> str:
        """Make a stack's repository, and return its first commit."""
        return self._make(f"repository {stack_id}", ())

    def commit(self, name: str, base: str | None) -> str:
        """Make a commit onto another; None: onto one that nobody here has seen."""
        made = self._make(name, ())
        self._contents[made] = (*(() if base is None else self._contents[base]), made)
        return made

    def merge(self, onto: str, commit: str) -> str:
        """Merge a commit onto a tip."""
        return self._make(f"{onto} {commit}", (*self._contents[onto], commit))

    def contents(self, commit: str) -> tuple[str, ...]:
        """Return the commits that were merged into one, the oldest first."""
        return self._contents[commit]

    def _make(self, name: str, contents: tuple[str, ...]) -> str:
        made = sha1(name.encode(), usedforsecurity=False).hexdigest()
        self._contents[made] = contents
        return made


def repositories_agree(world: World, disk: Disk) -> Iterator[str]:
    """The tip holds what is on record as merged, once each and in that order; every todo and run agrees."""
    for stack_id in disk.stacks:
        for workspace in disk.of_stack(WORKSPACES.name, stack_id):
            proposals = disk.of_stack(PROPOSALS.name, stack_id)
            yield from (f"{stack_id}: {each}" for each in _tip(world, workspace, proposals))
            if not world.book.stacks[stack_id].pruned:
                yield from (f"{stack_id}: {each}" for each in _todos(disk, stack_id, proposals))
                yield from (f"{stack_id}: {each}" for each in _runs(world, disk, stack_id, proposals))


def _tip(world: World, workspace: Fields, proposals: list[Fields]) -> Iterator[str]:
    tip = workspace["tip"]
    if tip is None:
        if proposals or workspace["number"]:
            yield f"it has no tip, {workspace['number']} moves of it, and the proposals {proposals}"
        return
    contents = world.repositories.contents(tip)
    if len(set(contents)) < len(contents):
        yield f"a commit is merged twice: {contents}"
    if workspace["number"] != len(contents):
        yield f"the tip has moved {workspace['number']} times, and holds {len(contents)} commits"
    for proposal in proposals:
        is_in = proposal["commit"] in contents
        if is_in != (proposal["status"] == ProposalStatus.MERGED):
            yield f"proposal {proposal['id']} is {proposal['status']}, and in the tip: {is_in}"
        if proposal["status"] == ProposalStatus.MERGED:
            before = world.repositories.contents(proposal["merged_as"])
            if before[-1] != proposal["commit"] or before != contents[: len(before)]:
                yield f"proposal {proposal['id']} was merged as what is not in line with the tip"


def _todos(disk: Disk, stack_id: str, proposals: list[Fields]) -> Iterator[str]:
    for todo in disk.todos(stack_id):
        mine = [proposal for proposal in proposals if proposal["todo_id"] == todo["id"]]
        merged = sum(proposal["status"] == ProposalStatus.MERGED for proposal in mine)
        queued = sum(proposal["status"] == ProposalStatus.QUEUED for proposal in mine)
        if merged != (todo["status"] == "completed"):
            yield f"todo {todo['id']} is {todo['status']}, and merged {merged} times"
        if queued != (todo["status"] == "in_progress"):
            yield f"todo {todo['id']} is {todo['status']}, and {queued} commits for it wait"


def _runs(world: World, disk: Disk, stack_id: str, proposals: list[Fields]) -> Iterator[str]:
    """Each commit that a completed run proposed is on record once, and no other."""
    cancelled = {todo["id"] for todo in disk.todos(stack_id) if todo["status"] == "cancelled"}
    on_record = sorted(proposal["commit"] for proposal in proposals)
    if len(set(on_record)) < len(on_record):
        yield f"a commit is proposed twice: {on_record}"
    proposed: set[str] = set()
    for graph in disk.of_stack("execution_graphs", stack_id):
        for node in graph["nodes"]:
            returned = world.journal.returned.get(disk.key_of(graph, node))
            if node["status"] != "completed" or returned is None:
                continue
            for todo_id, commit in returned.proposed:
                proposed.add(commit)
                if commit not in on_record and todo_id not in cancelled:
                    yield f"what run {written(returned.key)} proposed is lost: {commit}"
    for commit in set(on_record) - proposed:
        yield f"{commit} is on record, and no completed run has proposed it"
