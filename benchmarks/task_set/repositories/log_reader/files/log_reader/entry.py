"""One line of a log."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """What a line says."""

    time: str
    level: str
    text: str
