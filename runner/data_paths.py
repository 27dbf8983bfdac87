"""The paths in a data directory."""

from pathlib import Path

from recursor.storage.data_directory import store_directory

__all__ = ["artifacts_directory", "store_directory"]


def log_file(data: Path) -> Path:
    """Return the path of the log of a runner's processes; older parts are beside it."""
    return data / "logs" / "recursor.log"


def workspaces_directory(data: Path) -> Path:
    """Return the directory of the stacks' git repositories."""
    return data / "workspaces"


def artifacts_directory(data: Path) -> Path:
    """Return the directory where the runner writes finished pages for people to open."""
    return data / "artifacts"
