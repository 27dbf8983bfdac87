"""What the process that is killed is asked for beside the orchestrator's messages."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LimitFiles:
    """Let no file grow beyond some bytes, as a full disk does; None: any size."""

    size: int | None


@dataclass(frozen=True, slots=True)
class BackUp:
    """Write a copy of the store."""

    target: Path
