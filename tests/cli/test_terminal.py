"""What a person sees on a terminal."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import COMMAND, environment


def on_terminal(*arguments: str, data: Path, **more: str) -> tuple[int, str]:
    """Run a command on a terminal of its own; return its exit code and all that it wrote there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, *COMMAND, *arguments, "--data", str(data)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(**{"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30", **more}),
    )
    os.close(theirs)
    written = b""
    with process, open(ours, "rb", buffering=0) as terminal:
        try:
            while chunk := terminal.read(4096):
                written += chunk
        except OSError:
            # Linux says EIO, and not the end, when the last writer has closed a terminal.
            pass
    return process.returncode, written.decode()


@pytest.mark.slow
def test_a_run_is_watched(data: Path) -> None:
    code, seen = on_terminal("run", "--idea", "notes", "--until-done", "--port", "0", data=data)
    assert code == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b\]8;[^\x1b]*\x1b\\", "", seen)
    assert "✓ planner" in plain
    assert "Done in " in plain
    assert str(data / "artifacts") in plain.replace("\r\n", "").replace(" ", "")
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")


@pytest.mark.parametrize(
    ("more", "coloured"), [({}, True), pytest.param({"NO_COLOR": "1"}, False, marks=pytest.mark.slow)]
)
def test_colour_is_for_terminals_and_those_who_want_it(
    data: Path, more: dict[str, str], coloured: bool
) -> None:
    on_terminal("create", "one", data=data)
    _, seen = on_terminal("list", data=data, **more)
    assert ("\x1b[36midle" in seen) is coloured
    assert all(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) <= 100 for line in seen.splitlines())


def test_a_command_to_be_copied_is_not_broken(data: Path) -> None:
    on_terminal("create", "one", "--start", data=data)
    code, seen = on_terminal("doctor", data=data, COLUMNS="40")
    assert code == 1
    assert f"$ recursor run --data {data}\r\n" in re.sub(r"\x1b\[[0-9;]*m", "", seen)
