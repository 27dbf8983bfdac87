"""One interval."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Interval:
    """The numbers from start up to end, without the latter."""

    start: float
    end: float

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"an interval cannot end at {self.end} before it starts at {self.start}")
