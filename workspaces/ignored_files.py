"""Which files `.gitignore` keeps out of a commit."""

from pathlib import Path

import pygit2

from recursor.workspaces import libgit2

MOST_BYTES = 64 * 1024
"""Bytes of a `.gitignore`; a larger one has no effect."""

MOST_BYTES_IN_ALL = 256 * 1024
"""Bytes of all of them in a tree; what is beyond has no effect."""

MOST_COSTLY = 40
"""How many rules of a tree may have `**` twice; none may have it more often.

The time to match a rule grows with the depth of the path to this power, and libgit2 lets no other thread run
meanwhile. With these limits, one path takes less than 0.3 s at worst.
"""


class IgnoredFiles:
    """The rules of a tree's `.gitignore` files, as libgit2 understands them.

    libgit2 reads the rules from a working directory, by path. This gives it one that has nothing but these
    files, in directories of ours, so that it opens none of the tree.
    """

    def __init__(self, scratch: Path) -> None:
        """Start without rules.

        Args:
            scratch: a directory that does not exist; its owner removes it.
        """
        self._scratch = scratch
        self._git: pygit2.Repository | None = None
        self._bytes = 0
        self._costly = 0

    def add(self, directory: bytes, rules: bytes) -> None:
        """Take in the rules of a directory.

        Args:
            directory: its path in the tree, which ends in "/" or is empty.
            rules: what its `.gitignore` says.
        """
        self._bytes += len(rules)
        if len(rules) > MOST_BYTES or self._bytes > MOST_BYTES_IN_ALL:
            return
        bounded = [rule for rule in rules.split(b"\n") if self._is_bounded(rule)]
        if self._git is None:
            libgit2.configure()
            self._git = pygit2.init_repository(str(self._scratch))
        place = self._scratch / _text(directory)
        place.mkdir(parents=True, exist_ok=True)
        (place / ".gitignore").write_bytes(b"\n".join(bounded))

    def _is_bounded(self, rule: bytes) -> bool:
        if rule.count(b"**") == 2:
            self._costly += 1
            return self._costly <= MOST_COSTLY
        return rule.count(b"**") < 2

    def has(self, path: bytes) -> bool:
        """Return whether a file, or a directory whose path ends in "/", is ignored."""
        return self._git is not None and self._git.path_is_ignored(_text(path))


def _text(path: bytes) -> str:
    # pygit2 takes UTF-8 only. A rule that names other bytes has no effect; `*` matches the replacement, too.
    return path.decode(errors="replace")
