"""Optional parts of Recursor, whose packages are installed by an extra."""

from collections.abc import Iterator
from contextlib import contextmanager

from recursor.domain.errors import RecursorError


class ExtraMissingError(RecursorError, ImportError):
    """A feature needs an extra that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        """Name the feature and its extra.

        Args:
            what: the feature, as its user would call it.
            extra: the extra's name, as in `recursor[extra]`.
        """
        super().__init__(f'{what} needs recursor[{extra}]: pip install "recursor[{extra}]"')


@contextmanager
def needing(extra: str, what: str) -> Iterator[None]:
    """Import the packages of `extra` in the body.

    Args:
        extra: the extra's name.
        what: the feature that needs it, as its user would call it.

    Raises:
        ExtraMissingError: a package is missing.
    """
    try:
        yield
    except ImportError as error:
        # Packages report their own missing dependencies with their own ImportError.
        missing = error if isinstance(error, ModuleNotFoundError) else error.__cause__
        if not isinstance(missing, ModuleNotFoundError) or str(missing.name).startswith("recursor"):
            raise
        raise ExtraMissingError(what, extra) from None
