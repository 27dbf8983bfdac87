"""How much of a disk a directory takes."""

import errno
import os
from pathlib import Path

# An empty file takes room, too: its name and its inode.
_ENTRY_BYTES = 512

TOO_DEEP = 2**63


def disk_use(directory: Path, enough: int) -> int:
    """Return the bytes that a directory takes on its disk, counted until they are more than `enough`.

    Links are not followed. Directories that cannot be read count as empty; a path that is longer than the
    system can open counts as `TOO_DEEP`.
    """
    total = 0
    waiting = [os.fspath(directory)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    try:
                        found = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    total += found.st_blocks * 512 // max(found.st_nlink, 1) + _ENTRY_BYTES
                    if total > enough:
                        return total
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return TOO_DEEP
    return total
