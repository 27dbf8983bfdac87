"""Backing up a data directory, and restoring one."""

from pathlib import Path

from recursor.domain.errors import ConflictError, InvalidInputError, NotFoundError
from recursor.runner.data_paths import store_directory
from recursor.runner.directory_lock import hold_for_command
from recursor.storage.restoring import DATA_FILE, check_copy, copy_store, restore_store


def back_up(data: Path, target: Path) -> int:
    """Write a compacted copy of a data directory's store, as it is at one moment, also beside a runner.

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
    return copy_store(store, target)


def restore(source: Path, data: Path, *, force: bool) -> int:
    """Put a backup in the place of a data directory's store, or into a new data directory.

    Args:
        source: what `back_up` wrote, another data directory, or a store's directory.
        data: the data directory.
        force: replace the store that is there. It stays as it is until the new one is complete.

    Returns:
        the size of the new store, in bytes.

    Raises:
        InvalidInputError: the source holds no store, or is the store to be replaced.
        ConflictError: there is a store already, and `force` is not given.
        DirectoryInUseError: a runner holds the data directory; the text names it.
        StorageError: the source cannot be used, or the data directory cannot be written.
    """
    found, target = _store_in(source), store_directory(data)
    if target.exists() and found.samefile(target):
        raise InvalidInputError(f"{source}: is the store that it should replace: name a backup")
    check_copy(found)
    _refuse_to_overwrite(target, force)
    with hold_for_command(data):
        _refuse_to_overwrite(target, force)
        restore_store(found, target)
    return (target / DATA_FILE).stat().st_size


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
            f"{target}: there is a store already: give --force to replace it, "
            "or name another directory with --data"
        )
