"""One life of the runner, as its parent sees it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.crash.ledger import Asked, Ledger

JOURNAL, ERRORS = "journal", "errors"
ROOT = Path(__file__).parents[2]
# Seconds after which something that takes milliseconds is given up for lost.
PATIENCE = 30.0
# Agents that neither fail nor hang: whatever else goes wrong is the runner's.
STEADY = ("--fails", "0", "--hangs", "0")


class BrokenInvariantError(AssertionError):
    """An invariant does not hold."""


class Child:
    """One life of the runner, and the conversation with it."""

    def __init__(self, directory: Path, witnesses: Path, ledger: Ledger, *options: str) -> None:
        """Start it on `directory`; its journal and what it logs go to files in `witnesses`."""
        self._ledger = ledger
        self._errors = (witnesses / ERRORS).open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.child", str(directory), str(witnesses / JOURNAL), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=ROOT,
        )
        self.open_commands = 0
        self._news = threading.Condition()
        self._said: set[str] = set()
        self._kill_at: str | int | None = None
        self._ended = False
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def tell(self, asked: Asked) -> bool:
        """Give a command. Returns False if the process has died."""
        assert self.process.stdin is not None
        line = {"number": asked.number, "op": asked.op, "stack": asked.stack, **asked.args}
        try:
            self.process.stdin.write(json.dumps(line).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return False
        with self._news:
            self.open_commands += 1
        return True

    def await_word(self, word: str) -> bool:
        """Wait until it has said `word`, or has died: then return False."""
        return self.await_that(lambda: word in self._said)

    def await_that(self, holds: Callable[[], bool]) -> bool:
        with self._news:
            if not self._news.wait_for(lambda: self._ended or holds(), PATIENCE):
                raise BrokenInvariantError(f"process {self.process.pid} is silent")
            return holds()

    def has_said(self, word: str) -> bool:
        return word in self._said

    def await_death(self, seconds: float) -> None:
        """Wait up to `seconds` for its end."""
        with self._news:
            self._news.wait_for(lambda: self._ended, seconds)

    @property
    def ended(self) -> bool:
        return self._ended

    def kill_at(self, moment: str | int) -> None:
        """Have it killed once it says this word, or answers the command of this number."""
        with self._news:
            self._kill_at = moment
            if moment in self._said or (isinstance(moment, int) and self._ledger.asked[moment].answered_at):
                self.process.kill()

    def kill(self) -> None:
        self.process.kill()
        self.bury()

    def terminate(self) -> int:
        """Ask it to end, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.bury()

    def leave(self) -> int:
        """Tell it that nobody is there any more, and return its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.bury()

    def bury(self) -> int:
        """Wait for its end, and hear what it said last."""
        code = self.process.wait(PATIENCE)
        self._listener.join(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        self._errors.close()
        return code

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            # A line cut short by the kill was not read as an acknowledgement by anybody.
            if line.endswith(b"\n"):
                self._hear(json.loads(line))
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _hear(self, said: dict[str, Any]) -> None:
        with self._news:
            if "n" in said:
                self._ledger.answer(said)
                self.open_commands -= 1
                moments: tuple[str | int, ...] = (said["n"],)
            else:
                self._said.update(said)
                moments = tuple(said)
            if self._kill_at in moments:
                self.process.kill()
            self._news.notify_all()


def wait_until(holds: Callable[[], object]) -> None:
    """Wait for what a process brings about."""
    give_up = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.005)


def refusal(directory: Path, *, user: int | None = None) -> str:
    """Start a runner that has to refuse, as `user`, and return what it says: one line that names the path."""
    options = () if user is None else ("--user", str(user))
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.child", str(directory), os.devnull, *options],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=ROOT,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(str(directory))
    return done.stderr
