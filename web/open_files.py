"""How many connections a process can have, which its open files limit."""

import resource
from contextlib import suppress

# More would take too much memory: a connection can hold its headers and 64 KB of its body.
_MOST_CONNECTIONS = 4096


def most_connections() -> int:
    """Return how many connections this process can have: half of the files that it may open."""
    return min(resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2, _MOST_CONNECTIONS)


def allow_more_files() -> None:
    """Let this process open as many files as its user may, as far as they are of use."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * _MOST_CONNECTIONS), hard))
