"""One life of the runner, as its parent sees it."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.crash.ledger import Asked, Ledger

ROOT = Path(__file__).parents[2]
# Seconds after which something that takes milliseconds is given up for lost.
PATIENCE = 60.0


class BrokenInvariantError(AssertionError):
    """An invariant does not hold."""


class Child:
    """One life of the runner, and the conversation with it."""

    def __init__(self, directory: Path, ledger: Ledger, *options: str) -> None:
        self._ledger = ledger
        self._errors = (directory / "errors").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.child", str(directory), *options],
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
