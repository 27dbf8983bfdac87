"""One life of the runner, as its parent sees it."""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.simulation.register import Answer, Asked

JOURNAL, ERRORS = "journal", "errors"
ROOT = Path(__file__).parents[2]
# Seconds after which something that takes milliseconds is given up for lost.
PATIENCE = 180.0
# Some agents fail, hang, or return when nobody waits for them any more.
MOODY = ("--moods", "raises:8", "hangs:1", "late:1")


class BrokenInvariantError(AssertionError):
    """An invariant does not hold."""


class Child:
    """One life of the runner, and the conversation with it."""

    def __init__(self, directory: Path, witnesses: Path, life: int, *options: str) -> None:
        """Start it on `directory`; its journal and what it logs go to files in `witnesses`."""
        self._errors = (witnesses / ERRORS).open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.child", str(directory), str(witnesses / JOURNAL), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=ROOT,
        )
        self.life = life
        self.refused_for: list[str] = []
        """Why what was asked for was not done."""
        self.unexpected: list[str] = []
        """Answers that nobody should get."""
        self._open: dict[int, Asked] = {}
        self._news = threading.Condition()
        self._said: set[str] = set()
        self._ended = False
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def unanswered(self) -> int:
        return len(self._open)

    def ask(self, asked: Asked, message: object) -> None:
        """Ask for something, unless it has died."""
        assert self.process.stdin is not None
        with self._news:
            self._open[asked.number] = asked
        with suppress(BrokenPipeError):
            self.process.stdin.write(pickle.dumps((asked.number, message)))
            self.process.stdin.flush()

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
                self._take(
                    self._open.pop(said["n"]), said.get("error"), is_refusal=said.get("refused", False)
                )
            else:
                self._said.update(said)
            self._news.notify_all()

    def _take(self, asked: Asked, error: str | None, *, is_refusal: bool) -> None:
        asked.error = error
        if error is None:
            asked.answer = Answer.DONE
        elif is_refusal:
            asked.answer = Answer.UNDONE
            self.refused_for.append(error)
        else:
            asked.answer = Answer.UNKNOWN
            self.unexpected.append(f"{asked}: {error}")


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
