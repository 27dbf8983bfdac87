"""Copies of all repositories, for backups."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

REPOSITORY = "repository.git"


def copy_repositories(source: Path, target: Path) -> int:
    """Copy the repositories of all stacks, without the working trees of runs.

    It may run while a runner writes: objects never change, and each is complete when it gets its name. A copy
    that is made after one of the store has all commits that the store names.

    Args:
        source: the directory of the stacks' repositories; it need not exist.
        target: a directory that does not exist.

    Returns:
        the size of the copy, in bytes.

    Raises:
        OSError: something cannot be read or written.
    """
    found = sorted(source.glob(f"*/{REPOSITORY}")) if source.is_dir() else []
    for repository in found:
        copied = target / repository.parent.name / REPOSITORY
        # References first: what they name is among the objects that are copied later. Packs once more at the
        # end: objects that were packed meanwhile are only there.
        for part in ("refs", "packed-refs", "HEAD", "config", "info", "objects", "objects/pack"):
            _copy(repository / part, copied / part)
    if found:
        os.sync()
    return sum(path.stat().st_size for path in target.rglob("*") if path.is_file())


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=_unfinished, copy_function=_copy_file, dirs_exist_ok=True)
    elif source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy_file(str(source), str(target))


def _copy_file(source: str, target: str) -> None:
    try:
        shutil.copy2(source, target, follow_symlinks=False)
    except FileNotFoundError:
        # Repacked meanwhile, or a reference that was removed.
        if Path(source).exists():
            raise


def _unfinished(_directory: str, names: Iterable[str]) -> set[str]:
    return {name for name in names if name.startswith((".", "tmp_")) or name.endswith(".lock")}
