"""Which Recursor this is."""

from functools import cache


@cache
def release() -> str:
    """Return the version that is installed; "0" when it runs without having been installed."""
    # Looking it up takes longer than most commands take without it.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("recursor")
    except PackageNotFoundError:
        return "0"
