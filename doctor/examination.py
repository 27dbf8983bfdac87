"""Collects evidence and judges it, for every caller."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from recursor.doctor.diagnosis import diagnose
from recursor.doctor.directory import look_at_directory, look_at_disk, look_at_files, look_at_lock
from recursor.doctor.evidence import Evidence, StackEvidence
from recursor.doctor.report import Report
from recursor.doctor.repositories import has_git, sandbox_problem, with_repositories
from recursor.doctor.stacks import look_at_stack, look_at_stacks, stack_ids
from recursor.domain.settings import Settings
from recursor.storage.data_directory import store_directory
from recursor.storage.repairing import find_unreadable
from recursor.storage.stack_names import find_stack
from recursor.storage.store import Reader
from recursor.storage.tables import WORKSPACES

Read = Callable[[], AbstractContextManager[Reader]]


def look_around(data: Path, settings: Settings, now: float) -> Evidence:
    """Return the evidence about a data directory that needs neither its runner nor its store.

    Args:
        data: the data directory.
        settings: the runner's settings.
        now: seconds since the epoch, UTC.
    """
    return Evidence(
        now=now,
        settings=settings,
        lock=look_at_lock(data),
        directory=look_at_directory(data),
        disk=look_at_disk(data),
        store=look_at_files(store_directory(data)),
    )


def examine_stacks(
    read: Read,
    evidence: Evidence,
    named: str | None = None,
    trouble: Callable[[str], str | None] | None = None,
) -> Report:
    """Return the problems of all stacks of a store, or of one, and of their environment.

    Args:
        read: opens a snapshot of the store.
        evidence: everything except the store's contents.
        named: a stack's id, the id's first digits, or its name; None for all.
        trouble: asks what keeps the named stack from continuing, by its id.

    Raises:
        NotFoundError, AmbiguousError: `named` matches no stack, or several.
        StorageError: the store cannot be read.
    """
    with read() as reader:
        focus = None if named is None else find_stack(reader, named)
        ids = stack_ids(reader) if focus is None else []
        repositories = next(reader.scan(WORKSPACES.name), None) is not None
    if repositories:
        evidence = evidence.but(sandbox_problem=sandbox_problem(), has_git=has_git())
    if focus is not None:
        evidence = evidence.but(focus=focus, trouble=None if trouble is None else trouble(focus))
        stacks = _only(read, focus, evidence)
    else:
        stacks = look_at_stacks(read, ids, evidence.settings, evidence.now)
    if repositories and evidence.directory is not None:
        stacks = with_repositories(Path(evidence.directory.path), stacks)
    return diagnose(evidence, stacks)


def _only(read: Read, stack_id: str, evidence: Evidence) -> Iterable[StackEvidence]:
    unreadable = [each.problem for each in find_unreadable(read, stack_id)]
    with read() as reader:
        found = look_at_stack(
            reader, stack_id, evidence.settings, evidence.now, thorough=True, unreadable=unreadable
        )
    return () if found is None else (found,)
