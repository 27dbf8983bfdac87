"""A repository in fewer files, without the objects that nothing refers to."""

import os
import shutil
import subprocess
from pathlib import Path

from recursor.workspaces.errors import RepositoryError

SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "gc.packRefs=false",  # a reference that the runner removes is a file
    "safe.directory=*",
    "pack.threads=1",
)
"""How git is told to behave, whatever the machine and the repository say."""

YOUNGEST_REMOVED = "2.hours.ago"
"""Objects that are younger stay: what refers to them may not be written yet."""


def compact(repository: Path, seconds: float) -> bool:
    """Pack a repository with the `git` program; libgit2 cannot.

    Args:
        repository: its directory.
        seconds: how long it may take.

    Returns:
        Whether git is installed; without it, nothing happens.

    Raises:
        RepositoryError: git failed or took too long; the repository is as it was.
    """
    program = shutil.which("git")
    if program is None:
        return False
    settings = [part for setting in SETTINGS for part in ("-c", setting)]
    command = [program, *settings, "gc", "--quiet", f"--prune={YOUNGEST_REMOVED}"]
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "GIT_DIR": str(repository),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=repository,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RepositoryError(f"{repository}: git gc took more than {seconds:g} s") from None
    if done.returncode != 0:
        reason = " ".join(done.stderr.decode(errors="replace").split())[:300]
        raise RepositoryError(f"{repository}: git gc failed: {reason or f'exit code {done.returncode}'}")
    return True
