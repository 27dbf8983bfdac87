"""The process that answers one query: `python -m recursor.storage.sql.worker`, with a request on stdin.

Whatever a query manages to do affects only this process, which can only read: it has limited time and memory,
no environment, and no writable file.
"""

import json
import os
import resource
import signal
import sys
from contextlib import closing, suppress
from pathlib import Path

from recursor.domain.errors import InvalidInputError, RecursorError
from recursor.domain.extras import needing
from recursor.domain.process_settings import SqlSettings
from recursor.storage.memory_store import MemoryStore
from recursor.storage.opening import open_store
from recursor.storage.sql.process import BAD_QUERY, FAILED, GRACE_SECONDS
from recursor.storage.store import Store
from recursor.storage.tables import TABLES

# The engine goes first: it gets three quarters of a busy core.
_NICENESS = 5

# Python, DuckDB and its threads' stacks take address space of their own; memory that DuckDB does not count,
# that of long values under construction, takes as much again.
_BASE_BYTES = 512 * 2**20


def main() -> None:
    """Answer the request on stdin: print the result, or one line that explains the failure, on stdout."""
    request = json.loads(sys.stdin.buffer.read())
    settings = SqlSettings.model_validate(request["settings"])
    _limit_time(settings)
    _go_first()
    try:
        with closing(_open(Path(request["store"]))) as store:
            _limit_the_rest(settings)
            # Not earlier: its memory must be within the limits.
            with needing("sql", "SQL"):
                from recursor.storage.sql.sandbox import answer

            said, code = answer(store.read, request["sql"], settings), 0
    except InvalidInputError as error:
        said, code = str(error).encode(), BAD_QUERY
    except RecursorError as error:
        said, code = str(error).encode(), FAILED
    sys.stdout.buffer.write(said)
    sys.stdout.buffer.flush()
    sys.exit(code)


def _open(path: Path) -> Store:
    """Return the store, or an empty one if there is none yet."""
    if (path / "data.mdb").exists():
        return open_store(path, read_only=True)
    return MemoryStore(TABLES)


def _limit_time(settings: SqlSettings) -> None:
    """Let the system end this process if its parent is gone and DuckDB ignores the clock."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, settings.seconds + GRACE_SECONDS)
    os.nice(_NICENESS)


def _go_first() -> None:
    """Let Linux end this process first, before the engine, when the machine runs out of memory."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _limit_the_rest(settings: SqlSettings) -> None:
    for what, most in (
        (resource.RLIMIT_DATA, 2 * settings.memory_bytes + _BASE_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        # Not every system has every limit, and one may already be lower.
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main()
