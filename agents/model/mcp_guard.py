"""The process that an MCP server runs under: whatever becomes of the runner, the server does not outlive it.

    python -m recursor.agents.model.mcp_guard COMMAND [ARGUMENT ...]

What it is sent it hands on. When its input ends, because the run is over or the runner is gone, the server is
given a moment to end by itself; then all processes that it has started are killed.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from typing import IO

# Seconds that a server has to end by itself: less than whoever closes its input waits before it kills.
GRACE_SECONDS = 1.0
# Lines, and bytes of a line, that are told of what a server said before it failed.
MOST_LINES, MOST_BYTES = 10, 500
_PIECE = 65_536


def main(command: list[str]) -> int:
    """Run `command` until it ends, or its input does; then kill what is left of it, and this process too.

    Returns:
        its exit code, where nothing can be killed as a group; 127 if it cannot be started.
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
    # It may have gone away; then whoever waits for it knows.
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
    """Kill the server and all that it has started; this process is one of them."""
    if os.name == "posix":
        os.killpg(os.getpgrp(), signal.SIGKILL)
    process.kill()


if __name__ == "__main__":
    code = main(sys.argv[1:])
    # Not by way of the interpreter's end, which would wait for a thread that reads.
    os._exit(code if 0 <= code < 256 else 1)
