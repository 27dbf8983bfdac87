"""Programs that want more than they may have."""

import asyncio
import secrets
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from recursor.workspaces.sandbox import Program, Sandbox, process_tree
from recursor.workspaces.sandbox.control_groups import ControlGroup, remove_abandoned
from tests.workspaces.sandbox.conftest import LIMITS, Run
from tests.workspaces.sandbox.processes_named import processes_named

PYTHON = str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")
READABLE = [Path(sys.base_prefix)]

MEGABYTE = 2**20


def test_time(either: Sandbox, run: Run) -> None:
    ended = run(either, "echo begun; sleep 1000", limits=replace(LIMITS, seconds=0.3))
    assert ended.stopped_because == "it ran longer than 0.3 s"
    assert ended.output == "begun\n"
    assert not ended.succeeded


def test_time_of_a_program_that_ignores_sigterm(either: Sandbox, run: Run) -> None:
    word = f"{secrets.randbelow(10**9)}.5"
    command = f"trap '' TERM; while :; do sleep {word}; done"
    ended = run(either, command, limits=replace(LIMITS, seconds=0.3))
    assert (ended.stopped_because, ended.signal) == ("it ran longer than 0.3 s", 9)
    assert processes_named(word) == []


def test_time_while_a_look_takes_long(either: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(Program, "_look", lambda _: over.wait(100) and None)
    threading.Timer(1.0, over.set).start()
    ended = run(either, "sleep 1000", limits=replace(LIMITS, seconds=0.3))
    assert ended.stopped_because == "it ran longer than 0.3 s"


def test_memory_of_one_process(each_way: Sandbox, run: Run) -> None:
    script = "import time\nb = []\nwhile True: b.append(bytearray(2**20)); time.sleep(0.0005)"
    ended = run(
        each_way, [PYTHON, "-c", script], readable=READABLE,
        limits=replace(LIMITS, memory_bytes=60 * MEGABYTE),
    )  # fmt: skip
    # Where there is no control group, the program may meet RLIMIT_DATA before it is looked at.
    assert ended.stopped_because == "it needed more than 62.9 MB of memory" or "MemoryError" in ended.output
    assert ended.peak_bytes < 200 * MEGABYTE


def test_memory_of_many_small_processes(each_way: Sandbox, run: Run) -> None:
    script = f"{PYTHON} -S -c 'b = bytearray(10 * 2**20); import time; time.sleep(1000)'"
    command = f"i=0; while [ $i -lt 50 ]; do {script} & i=$((i+1)); done; wait"
    ended = run(each_way, command, readable=READABLE, limits=replace(LIMITS, memory_bytes=150 * MEGABYTE))
    assert ended.stopped_because == "it needed more than 157.3 MB of memory"


def test_processes(each_way: Sandbox, run: Run) -> None:
    word = f"{secrets.randbelow(10**9)}.5"
    ended = run(each_way, f"while :; do sleep {word} & done", limits=replace(LIMITS, processes=60))
    assert ended.stopped_because == "it had more than 60 processes and threads at once"
    assert processes_named(word) == []


# Without a control group, it might take the processes of the whole machine.
@pytest.mark.usefixtures("control_groups")
def test_a_fork_bomb(either: Sandbox, run: Run) -> None:
    word = f"bomb{secrets.randbelow(10**9)}"
    bomb = "bomb() { bomb | bomb & }; bomb; sleep 1000"
    ended = run(either, ["sh", "-c", bomb, word], limits=replace(LIMITS, processes=60))
    assert ended.stopped_because == "it had more than 60 processes and threads at once"
    assert processes_named(word) == []


def test_threads_count_as_processes(each_way: Sandbox, run: Run) -> None:
    script = (
        "import threading, time\n"
        "for _ in range(100): threading.Thread(target=time.sleep, args=(1000,)).start()\n"
    )
    ended = run(each_way, [PYTHON, "-c", script], readable=READABLE, limits=replace(LIMITS, processes=60))
    assert ended.stopped_because == "it had more than 60 processes and threads at once"


def test_endless_output(either: Sandbox, run: Run) -> None:
    limits = replace(LIMITS, output_bytes=100, printed_bytes=5 * MEGABYTE)
    ended = run(either, "yes", limits=limits)
    assert ended.stopped_because == "it printed more than 5.2 MB"
    assert ended.output.endswith("y\ny\n")
    assert len(ended.output) < 200


def test_endless_complaints_of_a_started_program(either: Sandbox, tree: Path) -> None:
    async def run() -> str | None:
        limits = replace(LIMITS, printed_bytes=5 * MEGABYTE)
        async with either.start("yes >&2", tree, limits=limits) as program:
            await program.wait()
        return program.result().stopped_because

    assert asyncio.run(run()) == "it printed more than 5.2 MB"


def test_a_started_program_that_nobody_reads_is_held_up(either: Sandbox, tree: Path) -> None:
    async def run() -> str | None:
        async with either.start("yes", tree, limits=replace(LIMITS, seconds=0.5)) as program:
            await program.wait()
        return program.result().stopped_because

    assert asyncio.run(run()) == "it ran longer than 0.5 s"


def test_the_size_of_a_file(either: Sandbox, run: Run, tree: Path) -> None:
    ended = run(either, "head -c 3000000 /dev/zero > big", limits=replace(LIMITS, file_bytes=MEGABYTE))
    assert ended.status != 0
    assert (tree / "big").stat().st_size == MEGABYTE


def test_the_size_of_the_tree(either: Sandbox, run: Run) -> None:
    command = "i=0; while :; do head -c 1000000 /dev/zero > f$i; i=$((i+1)); [ $i -gt 9 ] && sleep 0.1; done"
    ended = run(either, command, limits=replace(LIMITS, disk_bytes=5 * MEGABYTE))
    assert ended.stopped_because == "its directory grew beyond 5.2 MB"


def test_a_tree_that_is_too_deep_to_look_at(bwrap: Sandbox, run: Run) -> None:
    script = "import os, time\nfor _ in range(60): os.mkdir('d' * 100); os.chdir('d' * 100)\ntime.sleep(1000)"
    ended = run(bwrap, [PYTHON, "-c", script], readable=READABLE)
    assert ended.stopped_because == "the directories in its directory were nested too deeply"


def test_room_that_is_left_on_the_disk(either: Sandbox, run: Run) -> None:
    ended = run(either, "sleep 1000", limits=replace(LIMITS, free_bytes=2**60))
    assert (ended.stopped_because or "").startswith("less than ")


@pytest.mark.parametrize("directory", ["/tmp", "$HOME", "/dev/shm", "/var/tmp"])
def test_the_size_of_temporary_directories(bwrap: Sandbox, run: Run, directory: str) -> None:
    command = f"head -c 3000000 /dev/zero > {directory}/big; stat -c %s {directory}/big"
    ended = run(bwrap, command, limits=replace(LIMITS, temporary_bytes=MEGABYTE))
    assert "No space left on device" in ended.output
    assert ended.output.endswith(f"{MEGABYTE}\n")


def test_open_files(either: Sandbox, run: Run) -> None:
    assert run(either, "ulimit -n; ulimit -Hn", limits=replace(LIMITS, open_files=123)).output == "123\n123\n"


def test_no_core_is_dumped(either: Sandbox, run: Run) -> None:
    assert run(either, "ulimit -c").output == "0\n"


def test_what_a_program_has_used(each_way: Sandbox, run: Run) -> None:
    script = "b = bytearray(30 * 2**20)\nimport time\nwhile time.process_time() < 0.3: pass"
    ended = run(each_way, [PYTHON, "-c", script], readable=READABLE)
    assert ended.processor_seconds > 0.1
    assert ended.peak_bytes > 30 * MEGABYTE


def test_groups_of_processes_that_were_killed_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getpid", lambda: 2**22 + 1)  # no process has this id
    group = ControlGroup.make(MEGABYTE, 10)
    if group is None:
        pytest.skip("this process may make no control groups")
    monkeypatch.undo()
    remove_abandoned()
    assert not any(directory.exists() for directory in group.directories)


def test_processes_are_found_by_their_parents_on_older_kernels(bwrap: Sandbox, tree: Path) -> None:
    async def run() -> None:
        async with bwrap.start("cat & cat", tree, limits=LIMITS) as program:
            program.stdin.write(b"up\n")
            await program.stdout.readline()
            assert program._init is not None
            root = program._init.id
            assert sorted(process_tree._below_by_parents(root)) == sorted(process_tree.below(root))
            assert len(process_tree.below(root)) >= 2

    asyncio.run(run())
