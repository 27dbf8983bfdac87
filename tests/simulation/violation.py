"""What a simulation is there to find."""


class Violation(Exception):  # noqa: N818  # it is what is looked for
    """An invariant does not hold."""

    def __init__(self, invariant: str, what: str) -> None:
        """Say which.

        Args:
            invariant: its number and a word.
            what: what was seen.
        """
        super().__init__(f"{invariant}: {what}")
        self.invariant = invariant
        self.what = what

    def __reduce__(self) -> tuple[type["Violation"], tuple[str, str]]:
        """Survive the way from one process to another."""
        return type(self), (self.invariant, self.what)
