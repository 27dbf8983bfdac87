"""What stacks do is watched as it happens: as a picture on a terminal, else as a line for each change."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import COMMAND, TIMEOUT, Done, Gated, environment, started, wait_for


def test_every_change_is_a_line(recursor: Callable[..., Done], data: Path) -> None:
    with started("watch", data=data) as watcher:
        assert watcher.process.stdout is not None
        line = watcher.process.stdout.readline
        # It was begun before there was anything to see.
        recursor("create", "garden")
        assert line() == "garden: idle, planning: cycle 0\n"
        recursor("start", "garden")
        assert line() == "garden: running, planning: cycle 0\n"
        recursor("delete", "garden", "--yes")
        assert line() == "garden: deleted\n"
        assert watcher.end(signal.SIGINT) == 0
        assert watcher.out == ""
        assert watcher.err == ("recursor: no runner is up to send events: `recursor run` starts one\n")


@pytest.mark.parametrize("which", [(), ("one",)])
@pytest.mark.slow
def test_agents_are_seen_to_run_and_rest(gated: Gated, which: tuple[str, ...]) -> None:
    with gated.runner() as runner:
        gated.wait_for_run()
        with started("watch", *which, "--json", data=gated.data) as watcher:
            assert watcher.process.stdout is not None
            seen = json.loads(watcher.process.stdout.readline())
            assert (seen["id"], seen["state"]) == (gated.id, "running")
            assert [agent["role"] for agent in seen["running"]] == ["planner"]
            gated.open()
            while seen["running"]:
                seen = json.loads(watcher.process.stdout.readline())
            assert (seen["phase"], seen["total_cycles"], seen["last_cycle"]) == ("complete", 1, 1)
            assert "Waiting for a message or todo" in seen["waits"]
        assert runner.end(signal.SIGTERM) == 0


def test_a_stack_that_is_not_there_is_named(recursor: Callable[..., Done]) -> None:
    assert recursor("watch", "nope").complaint.startswith("no stack named 'nope'")


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *arguments: str, data: Path) -> None:
        self._end, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, *COMMAND, *arguments, "--data", str(data)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment(TERM="xterm-256color", COLUMNS="100", LINES="24"),
        )
        os.close(theirs)
        self._written = b""

    def press(self, key: str) -> None:
        os.write(self._end, key.encode())

    def read_until(self, wanted: str) -> str:
        """Return all that was written once `wanted` is among it."""

        def seen() -> str:
            if select.select([self._end], [], [], 0.05)[0]:
                try:
                    self._written += os.read(self._end, 65536)
                except OSError:
                    assert wanted.encode() in self._written
            text = self._written.decode(errors="replace")
            return text if wanted in text else ""

        return wait_for(seen)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._end)


OTHER_SCREEN, BACK = "\x1b[?1049h", "\x1b[?1049l"


@pytest.mark.parametrize("how", ["q", pytest.param("Ctrl-C", marks=pytest.mark.slow)])
def test_a_picture_is_shown_on_a_screen_of_its_own_until_a_key_ends_it(
    recursor: Callable[..., Done], data: Path, how: str
) -> None:
    recursor("create", "garden")
    with Terminal("watch", data=data) as terminal:
        seen = terminal.read_until("garden")
        assert OTHER_SCREEN in seen
        assert "no runner is up" in seen
        recursor("start", "garden")
        terminal.read_until("running")
        if how == "q":
            terminal.press("q")
        else:
            terminal.process.send_signal(signal.SIGINT)
        assert "Traceback" not in terminal.read_until(BACK)
        assert terminal.process.wait(TIMEOUT) == 0


@pytest.mark.slow
def test_one_stack_is_shown_with_its_agents_and_cycles(gated: Gated) -> None:
    with gated.runner() as runner:
        gated.wait_for_run()
        with Terminal("watch", "one", data=gated.data) as terminal:
            terminal.read_until("planner for ")
            gated.say("a plan with a longer and longer text\nand beds")
            terminal.read_until("longer text and beds")
            gated.open()
            plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.read_until("why nothing runs"))
            assert "cycle 1, wave 1: planner for " in plain
            assert "Done. Waiting for a message or todo." in plain
            terminal.press("q")
            terminal.read_until(BACK)
        assert runner.end(signal.SIGTERM) == 0
