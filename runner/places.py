"""Where things are in a data directory."""

from pathlib import Path


def store_directory(data: Path) -> Path:
    """Return where a data directory has its store."""
    return data / "store"


def artifacts_directory(data: Path) -> Path:
    """Return where the runner writes finished pages for people to open."""
    return data / "artifacts"
