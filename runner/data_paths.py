"""Where things are in a data directory."""

from pathlib import Path

from recursor.storage.data_directory import store_directory

__all__ = ["artifacts_directory", "store_directory"]


def log_file(data: Path) -> Path:
    """Return where the processes of a runner write their log; what is older stands beside it."""
    return data / "logs" / "recursor.log"


def artifacts_directory(data: Path) -> Path:
    """Return where the runner writes finished pages for people to open."""
    return data / "artifacts"
