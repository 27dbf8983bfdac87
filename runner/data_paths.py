"""The paths in a data directory."""

from pathlib import Path

from recursor.storage.data_directory import store_directory, workspaces_directory

__all__ = ["artifacts_directory", "log_file", "store_directory", "workspaces_directory"]


def log_file(data: Path) -> Path:
    """Return the path of the log of a runner's processes; older parts are beside it."""
    return data / "logs" / "recursor.log"


def artifacts_directory(data: Path) -> Path:
    """Return the directory where the runner writes finished pages for people to open."""
    return data / "artifacts"
