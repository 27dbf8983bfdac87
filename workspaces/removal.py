"""The removal and the size of directories that hold what an agent left there."""

import os
import stat
from contextlib import suppress
from pathlib import Path

_INSIDE = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove(directory: Path) -> None:
    """Remove a directory with all that it holds, if it exists. Links are removed, not followed.

    `shutil.rmtree` needs a stack frame and a descriptor per level, and gives up at a directory without write
    permission. Here, the subdirectories of a subdirectory move up one by one until none is left.
    """
    try:
        top = os.open(directory, _INSIDE)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        directory.unlink()
        return
    try:
        os.fchmod(top, 0o700)
        number = 0
        while names := os.listdir(top):
            for name in names:
                if not _is_directory(top, name):
                    os.unlink(name, dir_fd=top)
                    continue
                os.chmod(name, 0o700, dir_fd=top)
                inner = os.open(name, _INSIDE, dir_fd=top)
                try:
                    for child in os.listdir(inner):
                        if not _is_directory(inner, child):
                            os.unlink(child, dir_fd=inner)
                            continue
                        # A directory without write permission cannot move.
                        os.chmod(child, 0o700, dir_fd=inner)
                        while _exists(top, f"moved-{number}"):
                            number += 1
                        os.rename(child, f"moved-{number}", src_dir_fd=inner, dst_dir_fd=top)
                finally:
                    os.close(inner)
                os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    directory.rmdir()


def bytes_on_disk(directory: Path) -> int:
    """Return how many bytes of the disk a directory takes, without those that links lead to.

    What vanishes meanwhile, cannot be read or is too deep for a path does not count.
    """
    total = 0
    pending = [os.fspath(directory)]
    while pending:
        with suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
    return total


def _is_directory(parent: int, name: str) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)


def _exists(parent: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
