"""The possible number of connections of a process, which its open files limit."""

import resource
from contextlib import suppress

# More would use too much memory: a connection can hold its headers and 64 KB of its body.
_MOST_CONNECTIONS = 4096


def most_connections() -> int:
    """Return this process's possible number of connections: half of its possible open files."""
    return min(resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2, _MOST_CONNECTIONS)


def allow_more_files() -> None:
    """Raise this process's limit of open files, as far as allowed and useful."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * _MOST_CONNECTIONS), hard))
