"""The process under which an MCP server runs, so that the server never outlives the runner.

    python -m recursor.agents.model.mcp_guard COMMAND [ARGUMENT ...]

It passes its input on. When its input ends, because the run or the runner has ended, the server gets a moment
to end by itself; then all processes that it started are killed.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from typing import IO

# Seconds that a server has to end by itself: less than the runner waits before it kills the guard.
GRACE_SECONDS = 1.0
# Lines, and bytes per line, of a server's last output that are reported after a failure.
MOST_LINES, MOST_BYTES = 10, 500
_PIECE = 65_536


def main(command: list[str]) -> int:
    """Run `command` until it or its input ends; then kill what is left of it, and this process, too.

    Returns:
        its exit code, if process groups cannot be killed; 127 if it cannot be started.
    """
    if os.name == "posix" and os.getpgrp() != os.getpid():
        os.setsid()
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return 127
    assert process.stdin is not None
    assert process.stderr is not None
    said: deque[bytes] = deque(maxlen=MOST_LINES)
    listening = threading.Thread(target=_listen, args=(process.stderr, said), daemon=True)
    listening.start()
    threading.Thread(target=_hand_on, args=(process, process.stdin), daemon=True).start()
    code = process.wait()
    listening.join(GRACE_SECONDS)
    sys.stderr.write(b"".join(said).decode(errors="replace"))
    sys.stderr.flush()
    _kill_all(process)
    return code


def _listen(errors: IO[bytes], said: deque[bytes]) -> None:
    while line := errors.readline(MOST_BYTES):
        said.append(line)


def _hand_on(process: subprocess.Popen[bytes], server: IO[bytes]) -> None:
    # The reader may be gone; then the waiting code knows.
    with contextlib.suppress(OSError):
        while piece := os.read(sys.stdin.fileno(), _PIECE):
            server.write(piece)
            server.flush()
    with contextlib.suppress(OSError):
        server.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    _kill_all(process)


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    """Kill the server and all processes that it started; this process is one of them."""
    if os.name == "posix":
        os.killpg(os.getpgrp(), signal.SIGKILL)
    process.kill()


if __name__ == "__main__":
    code = main(sys.argv[1:])
    # Not through the interpreter's normal exit, which would wait for a reading thread.
    os._exit(code if 0 <= code < 256 else 1)
