"""Parts of Recursor that an installation may lack, because they need packages that an extra brings."""

from collections.abc import Iterator
from contextlib import contextmanager

from recursor.domain.errors import RecursorError


class ExtraMissingError(RecursorError, ImportError):
    """Something needs an extra that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        """Say what needs which extra.

        Args:
            what: the part, as its user would call it.
            extra: the extra's name, as in `recursor[extra]`.
        """
        super().__init__(f'{what} needs recursor[{extra}]: pip install "recursor[{extra}]"')


@contextmanager
def needing(extra: str, what: str) -> Iterator[None]:
    """Import in the body what `extra` brings.

    Args:
        extra: the extra's name.
        what: what needs it, as its user would call it.

    Raises:
        ExtraMissingError: a package is missing.
    """
    try:
        yield
    except ImportError as error:
        # Packages tell of what they miss themselves by an ImportError of their own.
        missing = error if isinstance(error, ModuleNotFoundError) else error.__cause__
        if not isinstance(missing, ModuleNotFoundError) or str(missing.name).startswith("recursor"):
            raise
        raise ExtraMissingError(what, extra) from None
