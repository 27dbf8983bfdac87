"""Real runners and commands, as a user starts them."""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar
from unittest.mock import patch

from recursor.cli.app import run_command
from recursor.domain.stack import Stack
from recursor.runner.data_paths import store_directory
from recursor.storage.opening import open_store
from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader

T = TypeVar("T")

# Generous: the machine may be busy with other tests.
TIMEOUT = 180.0

COMMAND = ("-m", "recursor.cli")
GATED_COMMAND = (str(Path(__file__).parent / "runner" / "gated_runner.py"),)


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line on stderr of a command that failed."""
        assert self.code in (1, 2)
        (line,) = self.err.splitlines()
        assert line.startswith("recursor: ")
        return line.removeprefix("recursor: ")


def wait_for(what: Callable[[], T]) -> T:
    """Return the first true value of `what`."""
    deadline = time.monotonic() + TIMEOUT
    while not (value := what()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
    return value


def environment(**more: str) -> dict[str, str]:
    ours = ("COLUMNS", "NO_COLOR", "FORCE_COLOR")
    theirs = {
        key: value for key, value in os.environ.items() if key not in ours and not key.startswith("RECURSOR_")
    }
    return {**theirs, **more}


@dataclass
class Started:
    """A process that was started."""

    process: subprocess.Popen[str]
    errors: IO[str]
    url: str = ""

    def end(self, *signals: int) -> int:
        for number in signals:
            self.process.send_signal(number)
        return self.process.wait(TIMEOUT)

    @property
    def out(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.read()

    @property
    def err(self) -> str:
        self.errors.seek(0)
        return self.errors.read()


@contextmanager
def started(
    *arguments: str, data: Path, program: Sequence[str] = COMMAND, env: dict[str, str] | None = None
) -> Iterator[Started]:
    """A process until the end of the block, when it is killed if it still lives."""
    with data.with_suffix(".stderr").open("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, *program, *arguments, "--data", str(data)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment(**(env or {})),
        )
        with process:
            try:
                yield Started(process, errors)
            finally:
                process.kill()


@contextmanager
def started_runner(
    *arguments: str, data: Path, program: Sequence[str] = COMMAND, env: dict[str, str] | None = None
) -> Iterator[Started]:
    """A runner, from when it is up."""
    with started("run", "--port", "0", "--json", *arguments, data=data, program=program, env=env) as runner:
        assert runner.process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            line = runner.process.stdout.readline()
            assert line, runner.err
            text += line
        runner.url = json.loads(text)["url"]
        yield runner


def run_to_end(*arguments: str, data: Path, env: dict[str, str] | None = None) -> Done:
    """Run a command to its end: `run` in a process of its own, others in this one, which is far quicker."""
    if arguments[0] == "run":
        return run_process(*arguments, data=data, env=env)
    return run_here(*arguments, "--data", str(data), env=environment(**(env or {})))


def run_here(*arguments: str, env: dict[str, str]) -> Done:
    """Run a command to its end in this process, with these environment variables and no others."""
    out, err = _Captured(), _Captured()
    with patch.dict(os.environ, env, clear=True), redirect_stdout(out), redirect_stderr(err):
        try:
            code = run_command(arguments)
        except SystemExit as ended:  # completion ends the process
            code = ended.code if isinstance(ended.code, int) else 0
    return Done(code, out.text, err.text)


def run_process(*arguments: str, data: Path, env: dict[str, str] | None = None) -> Done:
    """Run a command to its end, in a process of its own."""
    done = subprocess.run(
        [sys.executable, *COMMAND, *arguments, "--data", str(data)],
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
        encoding="utf-8",
        env=environment(**(env or {})),
    )
    return Done(done.returncode, done.stdout, done.stderr)


class _Captured(io.TextIOWrapper):
    """What was written to a stream, as a pipe would have it."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")

    @property
    def text(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode()


@contextmanager
def reading(data: Path) -> Iterator[Reader]:
    """What is in the store of a data directory, whoever writes to it."""
    with closing(open_store(store_directory(data), read_only=True)) as store, store.read() as reader:
        yield reader


class Gated:
    """A started stack whose planner waits, in every runner, until the gate is opened."""

    def __init__(self, path: Path) -> None:
        self.data = path / "data"
        self._gate, self._log = path / "gate", path / "log"
        self._env = {"GATE": str(self._gate), "LOG": str(self._log)}
        made = run_to_end("create", "one", "--idea", "a list", "--start", data=self.data)
        self.id = made.out.strip()

    def runner(self, *arguments: str) -> Any:
        return started_runner(*arguments, data=self.data, program=GATED_COMMAND, env=self._env)

    def until_done(self, *arguments: str) -> Any:
        return started(
            "run", "--until-done", "--port", "0", *arguments,
            data=self.data, program=GATED_COMMAND, env=self._env,
        )  # fmt: skip

    def open(self, what_then: str = "") -> None:
        partial = self._gate.with_suffix(".partial")
        partial.write_text(what_then)
        partial.rename(self._gate)

    def close(self) -> None:
        self._gate.unlink()

    def say(self, text: str) -> None:
        """Have the waiting planner say that it is about to answer this."""
        Path(f"{self._gate}.says").write_text(text)

    def runs(self) -> list[list[str]]:
        """The execution id and the attempt of every run so far."""
        return [line.split() for line in self._log.read_text().splitlines()] if self._log.exists() else []

    def wait_for_run(self) -> None:
        wait_for(self.runs)

    def stack(self) -> Stack:
        with reading(self.data) as reader:
            return read_stack(reader, self.id)
