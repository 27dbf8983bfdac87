"""Backs up and restores a data directory."""

import shutil
from pathlib import Path

from recursor.domain.errors import ConflictError, InvalidInputError, NotFoundError, in_one_line
from recursor.runner.data_paths import store_directory
from recursor.runner.directory_lock import hold_for_command
from recursor.storage.data_directory import workspaces_directory
from recursor.storage.errors import StorageError
from recursor.storage.restoring import DATA_FILE, check_copy, copy_store, restore_store
from recursor.workspaces.copying import copy_repositories


def back_up(data: Path, target: Path) -> int:
    """Write a compacted copy of one snapshot of a data directory's store, and of its repositories.

    A runner may be up.

    Args:
        data: the data directory.
        target: a directory that is empty or doesn't exist; it becomes a data directory of its own.

    Returns:
        the size of the copy, in bytes.

    Raises:
        NotFoundError: there is no store to copy.
        StorageError: the store cannot be read, or the target is not empty or can't be written.
    """
    store = store_directory(data)
    if not (store / DATA_FILE).exists():
        raise NotFoundError(f"{data}: no stacks here to back up: name the data directory with --data")
    repositories = workspaces_directory(data)
    return copy_store(
        store, target, lambda copied: copy_repositories(repositories, workspaces_directory(copied))
    )


def restore(source: Path, data: Path, *, force: bool) -> int:
    """Replace a data directory's store and repositories by a backup, or create a new data directory from it.

    Args:
        source: a backup by `back_up`, another data directory, or a store's directory.
        data: the data directory.
        force: replace an existing store. It stays unchanged until the new one is complete. If the process
            dies before the repositories are replaced, too, restore once more.

    Returns:
        the size of the new store and its repositories, in bytes.

    Raises:
        InvalidInputError: the source holds no store, or is the store to be replaced.
        ConflictError: a store exists, and `force` is not set.
        DirectoryInUseError: a runner holds the data directory; the text names it.
        StorageError: the source cannot be used, or the data directory cannot be written.
    """
    found, target = _store_in(source), store_directory(data)
    if target.exists() and found.samefile(target):
        raise InvalidInputError(f"{source}: is the store to be replaced: name a backup")
    check_copy(found)
    _refuse_to_overwrite(target, force)
    with hold_for_command(data):
        _refuse_to_overwrite(target, force)
        repositories = workspaces_directory(data)
        unfinished = repositories.with_name(f".{repositories.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            copied = copy_repositories(workspaces_directory(found.parent), unfinished)
        except OSError as error:
            raise StorageError(f"{repositories}: cannot be restored: {in_one_line(error)}") from error
        restore_store(found, target)
        shutil.rmtree(repositories, ignore_errors=True)
        if unfinished.exists():
            unfinished.rename(repositories)
    return (target / DATA_FILE).stat().st_size + copied


def _store_in(source: Path) -> Path:
    for place in (store_directory(source), source):
        try:
            if (place / DATA_FILE).is_file():
                return place
        except (OSError, ValueError):
            break
    raise InvalidInputError(
        f"{str(source)[:200]!r}: no store here: name a directory that `recursor backup` wrote"
    )


def _refuse_to_overwrite(target: Path, force: bool) -> None:
    if not force and (target / DATA_FILE).exists():
        raise ConflictError(
            f"{target}: a store exists already: give --force to replace it, "
            "or name another directory with --data"
        )
