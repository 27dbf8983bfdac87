"""Runs a query in its own process, which is killed at its time limit.

A query in this process could hold the interpreter's lock, use up the memory, or crash everything else.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from recursor.domain.errors import InvalidInputError
from recursor.domain.process_settings import SqlSettings
from recursor.storage.errors import StorageError

# Time for the process to start and end, beyond the query's own limit.
GRACE_SECONDS = 1.0

FAILED, BAD_QUERY = 1, 2
"""The exit codes of a process that explains its failure."""

_COMMAND = ("-P", "-m", "recursor.storage.sql.worker")


async def ask(store: Path, sql: str, settings: SqlSettings) -> bytes:
    """Answer a query. Cancelling the coroutine cancels the query.

    Args:
        store: the store's directory; if there is none yet, its tables are empty.
        sql: one SELECT.
        settings: its limits.

    Returns:
        the JSON of a `SqlResult`.

    Raises:
        InvalidInputError: it cannot be answered; the text gives the reason.
        StorageError: the store cannot be read.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *_COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
        cwd="/",
        start_new_session=True,
    )
    try:
        said, complaint = await asyncio.wait_for(
            process.communicate(_request(store, sql, settings)), settings.seconds + 2 * GRACE_SECONDS
        )
    except TimeoutError:
        raise too_long(settings.seconds) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return _answer(process.returncode, said, complaint, settings)


def _request(store: Path, sql: str, settings: SqlSettings) -> bytes:
    request = {"store": str(store.absolute()), "sql": sql, "settings": settings.model_dump()}
    return json.dumps(request).encode()


def _environment() -> dict[str, str]:
    # No environment of this process, which may hold tokens and keys; only the path of its modules.
    return {"PYTHONPATH": os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path if entry)}


def _answer(code: int, said: bytes, complaint: bytes, settings: SqlSettings) -> bytes:
    if code == 0:
        return said
    if code == BAD_QUERY and said:
        raise InvalidInputError(said.decode(errors="replace"))
    if code == FAILED and said:
        raise StorageError(said.decode(errors="replace"))
    if code == -signal.SIGALRM:
        raise too_long(settings.seconds)
    if code < 0:
        memory = settings.memory_bytes // 2**20
        raise InvalidInputError(
            f"query: its process was killed by signal {-code}, perhaps because it needs much more than its "
            f"{memory} MB of memory: ask for fewer columns or rows"
        )
    last = complaint.decode(errors="replace").strip().rpartition("\n")[2]
    raise StorageError(f"query: its process failed ({last[:300] or f'exit code {code}'})")


def too_long(seconds: float) -> InvalidInputError:
    """Return the error for a query that exceeded its time limit."""
    return InvalidInputError(
        f"query: took longer than {seconds:g} s: ask for fewer tables or columns, or allow more time"
    )


def too_large(memory_bytes: int) -> InvalidInputError:
    """Return the error for a query that exceeded its memory limit."""
    return InvalidInputError(
        f"query: needs more than {memory_bytes // 2**20} MB of memory: ask for fewer columns or rows"
    )
