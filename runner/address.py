"""The address of a runner on another machine."""

from urllib.parse import urlsplit

from recursor.domain.errors import InvalidInputError

_EXAMPLE = "give for example https://recursor.example or http://127.0.0.1:3002"


def checked_url(text: str, what: str) -> str:
    """Return the address of a runner, without a trailing slash.

    Args:
        text: a person's input. It may have a path, if a proxy serves a runner below one.
        what: its source, for the error.

    Raises:
        InvalidInputError: it is not an http or https URL, or has further parts.
    """
    shown = repr(text[:80])
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise InvalidInputError(f"{what}: {shown} is not a URL ({error}): {_EXAMPLE}") from None
    if parts.username is not None or parts.password is not None:
        # Not shown: it would appear on the screen and in logs.
        raise InvalidInputError(f"{what}: contains a user name or password: set RECURSOR_TOKEN instead")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise InvalidInputError(f"{what}: {shown} is not an http or https URL: {_EXAMPLE}")
    if parts.query or parts.fragment or not text.isprintable() or not text.isascii() or " " in text.strip():
        raise InvalidInputError(f"{what}: {shown} has more than an address and a path: {_EXAMPLE}")
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path.removesuffix('/api')}"
