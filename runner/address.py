"""Where a runner on another machine is, as people write it."""

from urllib.parse import urlsplit

from recursor.domain.errors import InvalidInputError

_EXAMPLE = "give for example https://recursor.example or http://127.0.0.1:3002"


def checked_url(text: str, what: str) -> str:
    """Return the address of a runner, without a slash at its end.

    Args:
        text: what a person typed. It may have a path, where a proxy serves a runner below one.
        what: where it was given, for the error.

    Raises:
        InvalidInputError: it is no http or https URL, or has parts that an address has no use for.
    """
    shown = repr(text[:80])
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise InvalidInputError(f"{what}: {shown} is no URL ({error}): {_EXAMPLE}") from None
    if parts.username is not None or parts.password is not None:
        # Not shown: it would be on the screen, and in logs.
        raise InvalidInputError(f"{what}: has a name or password in it: give the token in RECURSOR_TOKEN")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise InvalidInputError(f"{what}: {shown} is no http or https URL: {_EXAMPLE}")
    if parts.query or parts.fragment or not text.isprintable() or not text.isascii() or " " in text.strip():
        raise InvalidInputError(f"{what}: {shown} has more than an address and a path: {_EXAMPLE}")
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path.removesuffix('/api')}"
