"""A program in a sandbox: what it is given, how it ends, and that nothing of it is left."""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE

import pytest

from recursor.workspaces.sandbox import ProgramResult, Sandbox, SandboxError, bubblewrap
from tests.processes import wait_for
from tests.workspaces.sandbox.conftest import LIMITS, Run
from tests.workspaces.sandbox.processes_named import processes_named

RUNNER = """
import asyncio, sys
from pathlib import Path
from recursor.workspaces.sandbox import Sandbox, SandboxLimits
sandbox = Sandbox()
print("ready", flush=True)
asyncio.run(sandbox.run(sys.argv[2], Path(sys.argv[1]), limits=SandboxLimits()))
"""


def test_status_and_output_of_a_program(either: Sandbox, run: Run) -> None:
    ended = run(either, "echo one; echo two >&2; exit 3")
    assert (ended.status, ended.signal, ended.stopped_because) == (3, None, None)
    assert ended.output == "one\ntwo\n"
    assert ended.cut_bytes == 0
    assert not ended.succeeded
    assert run(either, ["printf", "%s", "$HOME"]).output == "$HOME"


def test_a_program_that_a_signal_ended(either: Sandbox, run: Run) -> None:
    ended = run(either, "kill -9 $$")
    assert (ended.status, ended.signal) == (128 + 9, 9)


def test_a_missing_program(either: Sandbox, run: Run) -> None:
    ended = run(either, ["nonesuch", "--help"])
    assert ended.status == 127
    assert "nonesuch: not found" in ended.output


def test_the_tree_is_the_working_directory_and_keeps_what_is_written(
    either: Sandbox, run: Run, tree: Path
) -> None:
    (tree / "given").write_text("text")
    assert run(either, "cat given; echo new > made").output == "text"
    assert (tree / "made").read_text() == "new\n"


def test_input(either: Sandbox, run: Run) -> None:
    assert run(either, "cat", stdin=b"said").output == "said"
    assert run(either, "cat").output == ""
    # More than a pipe holds, and nobody reads it.
    assert run(either, "exit 0", stdin=b"x" * 10**7).succeeded


def test_the_environment_is_what_the_caller_gives(
    bwrap: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    ended = run(bwrap, "env", environment={"TODO": "a\nb", "TERM": "xterm"})
    names = {line.partition("=")[0] for line in ended.output.splitlines() if "=" in line}
    assert names == {"PATH", "HOME", "LANG", "TERM", "TODO", "PWD"}
    assert "TODO=a\nb\n" in ended.output
    assert "TERM=xterm\n" in ended.output


def test_the_environment_without_a_sandbox_has_no_key_either(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert "sk-secret" not in run(Sandbox("off"), "env").output


def test_variables_do_not_reach_bubblewrap_itself(bwrap: Sandbox, run: Run, tree: Path) -> None:
    # The loader of the shared libraries would run this outside the sandbox.
    ended = run(bwrap, "true; echo done", environment={"LD_PRELOAD": f"{tree}/evil.so"})
    assert ended.output.count("evil.so") <= 2  # sh and true complain, bubblewrap does not
    assert ended.output.endswith("done\n")


def test_a_secret_is_not_on_a_command_line(bwrap: Sandbox, tree: Path) -> None:
    secret = secrets.token_hex(8)

    async def run() -> None:
        variables = {"TOKEN": secret}
        async with bwrap.start("cat", tree, limits=LIMITS, environment=variables) as program:
            program.stdin.write(b"up\n")
            assert await program.stdout.readline() == b"up\n"
            assert processes_named(secret) == []

    asyncio.run(run())


def test_output_reaches_the_listener_as_text(either: Sandbox, run: Run) -> None:
    parts: list[str] = []
    run(either, "printf 'caf\\303'; sleep 0.05; printf '\\251\\377'", on_output=parts.append)
    assert "".join(parts) == "café\N{REPLACEMENT CHARACTER}"


def test_an_error_of_the_listener_ends_the_program_and_is_raised(either: Sandbox, run: Run) -> None:
    def refuse(text: str) -> None:
        raise ValueError(text)

    with pytest.raises(ValueError, match="first"):
        run(either, "echo first; sleep 1000", on_output=refuse)


def test_the_end_of_a_long_output_is_kept(either: Sandbox, run: Run) -> None:
    ended = run(either, "seq 100000", limits=replace(LIMITS, output_bytes=1000))
    assert ended.output.endswith("99999\n100000\n")
    first, _, kept = ended.output.partition("\n")
    assert first == f"[{ended.cut_bytes:,} bytes before this were cut]"
    assert len(kept) == 1000


def test_binary_output(either: Sandbox, run: Run) -> None:
    ended = run(either, "head -c 100000 /dev/urandom")
    assert ended.succeeded
    assert ended.output.encode()


def test_a_program_that_closes_its_output_goes_on(either: Sandbox, run: Run, tree: Path) -> None:
    ended = run(either, "exec >&- 2>&-; sleep 0.2; echo there > made; exit 4")
    assert ended.status == 4
    assert (tree / "made").exists()


def test_what_a_program_leaves_behind_ends_with_it(either: Sandbox, run: Run) -> None:
    word = f"{secrets.randbelow(10**9)}.5"
    ended = run(either, f"sleep {word} & setsid sleep {word} & (setsid nohup sleep {word} &) ; echo bye")
    assert ended.output == "bye\n"
    assert processes_named(word) == []


def test_orphans_are_waited_for(bwrap: Sandbox, run: Run) -> None:
    storm = "i=0; while [ $i -lt 200 ]; do (true &); i=$((i+1)); done; sleep 0.3"
    ended = run(bwrap, f"{storm}; grep -l '^State:.Z' /proc/[0-9]*/status")
    assert ended.output.count("status") < 5


@pytest.mark.parametrize("ignoring", ["", "trap '' TERM;"])
def test_cancelling_ends_the_program_before_it_returns(either: Sandbox, tree: Path, ignoring: str) -> None:
    word = f"{secrets.randbelow(10**9)}.5"

    async def run() -> None:
        up = asyncio.Event()
        command = f"{ignoring} setsid sleep {word} & echo up; while :; do sleep {word}; done"
        running = asyncio.create_task(either.run(command, tree, limits=LIMITS, on_output=lambda _: up.set()))
        await up.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert processes_named(word) == []

    asyncio.run(run())


def test_a_program_can_tidy_up_when_it_is_cancelled(either: Sandbox, tree: Path) -> None:
    async def run() -> None:
        up = asyncio.Event()
        command = "trap 'echo tidy > made; exit' TERM; echo up; while :; do sleep 0.01; done"
        running = asyncio.create_task(
            either.run(command, tree, limits=replace(LIMITS, grace_seconds=60), on_output=lambda _: up.set())
        )
        await up.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(run())
    assert (tree / "made").read_text() == "tidy\n"


def test_cancelling_twice_does_not_wait_for_the_grace(either: Sandbox, tree: Path) -> None:
    word = f"{secrets.randbelow(10**9)}.5"

    async def run() -> None:
        up = asyncio.Event()
        command = f"trap '' TERM; echo up; while :; do sleep {word}; done"
        limits = replace(LIMITS, grace_seconds=10_000)
        running = asyncio.create_task(either.run(command, tree, limits=limits, on_output=lambda _: up.set()))
        await up.wait()
        running.cancel()
        await asyncio.sleep(0.05)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert processes_named(word) == []

    asyncio.run(run())


def test_cancelling_at_any_moment_of_the_start(either: Sandbox, tree: Path) -> None:
    word = f"{secrets.randbelow(10**9)}.5"

    async def run() -> None:
        for turns in range(40):
            running = asyncio.create_task(either.run(f"sleep {word}", tree, limits=LIMITS))
            for _ in range(turns):
                await asyncio.sleep(0)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
        assert processes_named(word) == []

    asyncio.run(run())


def test_speaking_with_a_program(either: Sandbox, tree: Path) -> None:
    async def run() -> ProgramResult:
        command = "echo ready >&2; while read line; do echo got $line; done; exit 5"
        async with either.start(command, tree, limits=LIMITS) as program:
            program.stdin.write(b"one\n")
            assert await program.stdout.readline() == b"got one\n"
            assert program.output == "ready\n"
            program.stdin.close()
            assert await program.stdout.read() == b""
            await program.wait()
        return program.result()

    assert asyncio.run(run()).status == 5


def test_a_started_program_ends_with_its_block(either: Sandbox, tree: Path) -> None:
    word = f"{secrets.randbelow(10**9)}.5"

    async def run() -> ProgramResult:
        async with either.start(f"setsid sleep {word} & sleep {word}", tree, limits=LIMITS) as program:
            wait_for(lambda: len(processes_named(word)) >= 2)
        assert processes_named(word) == []
        return program.result()

    assert asyncio.run(run()).signal in (signal.SIGTERM, signal.SIGKILL)


def test_it_can_be_used_from_a_thread(either: Sandbox, tree: Path) -> None:
    outputs: list[str] = []

    def use() -> None:
        outputs.append(either.run_blocking("echo hi", tree, limits=LIMITS).output)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert outputs == ["hi\n"]


def test_many_at_once(either: Sandbox, tree: Path) -> None:
    async def run() -> list[ProgramResult]:
        return await asyncio.gather(*(either.run(f"echo {n}", tree, limits=LIMITS) for n in range(20)))

    assert [ended.output for ended in asyncio.run(run())] == [f"{n}\n" for n in range(20)]


def test_readable_paths_can_be_read_and_not_changed(bwrap: Sandbox, run: Run, tmp_path: Path) -> None:
    objects = tmp_path / "objects"
    objects.mkdir()
    (objects / "one").write_text("object")
    assert run(bwrap, ["cat", str(objects / "one")], readable=[objects]).output == "object"
    assert run(bwrap, f"echo x > {objects}/one || echo x > {objects}/two", readable=[objects]).status != 0
    assert [path.read_text() for path in objects.iterdir()] == ["object"]


def test_git_works_in_it_with_the_objects_of_another_repository(
    bwrap: Sandbox, run: Run, tmp_path: Path, tree: Path
) -> None:
    if shutil.which("git") is None:
        pytest.skip("needs git")
    bare = tmp_path / "repository.git"
    for command in (
        ["git", "init", "-q", "--bare", str(bare)],
        ["git", "clone", "-q", "--shared", str(bare), str(tree)],
    ):
        subprocess.run(command, check=True, capture_output=True)
    (tree / ".git/objects/info/alternates").write_text(f"{bare}/objects\n")
    make = (
        "git config user.name n; git config user.email e; echo x > file; git add file; git commit -qm first"
    )
    assert run(bwrap, f"{make}; git log --oneline", readable=[bare / "objects"]).output.endswith(" first\n")


def test_a_socket_of_ours(bwrap: Sandbox, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "door"
    python = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        script = (
            "import socket; s = socket.socket(socket.AF_UNIX); "
            f"s.connect({bubblewrap.SOCKET!r}); s.sendall(b'hello')"
        )
        command = [str(python), "-c", script]
        assert run(bwrap, command, socket=path, readable=[Path(sys.base_prefix)]).succeeded
        accepted, _ = server.accept()
        with accepted:
            assert accepted.recv(5) == b"hello"


def test_a_port_that_leads_to_a_socket_of_ours(bwrap: Sandbox, run: Run, tmp_path: Path, tree: Path) -> None:
    path = tmp_path / "door"
    python = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    script = (
        "import socket\nfor n in range(3):\n"
        f"    with socket.create_connection(('127.0.0.1', {bubblewrap.PORT})) as s:\n"
        "        s.sendall(b'hello' * 100_000); s.shutdown(socket.SHUT_WR)\n"
        "        while chunk := s.recv(65536): print(chunk.decode(), end='')\n"
    )

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{len(await reader.read(-1))};".encode())
        writer.close()

    async def serve() -> ProgramResult:
        async with await asyncio.start_unix_server(answer, path):
            return await bwrap.run([str(python), "-c", script], tree, limits=LIMITS, socket=path)

    assert asyncio.run(serve()).output == "500000;" * 3


def test_a_program_with_a_socket_has_no_other_child(bwrap: Sandbox, run: Run, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "door"))
        server.listen()
        command = "read -r children < /proc/$$/task/$$/children; echo [$children]"
        assert run(bwrap, command, socket=tmp_path / "door").output == "[]\n"


def test_without_bubblewrap_it_says_how_to_get_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install bubblewrap" in (Sandbox().unavailable() or "")
    with pytest.raises(SandboxError, match="apt-get install bubblewrap"):
        run(Sandbox(), "true")


def test_an_old_bubblewrap_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "bwrap"
    old.write_text("#!/bin/sh\necho bubblewrap 0.6.1\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Sandbox().unavailable() == (
        "sandbox: bubblewrap 0.6.1 is too old: install bubblewrap 0.8 or newer"
    )


@pytest.mark.parametrize(
    ("setting", "value", "remedy"),
    [
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "bwrap-userns-restrict"),
        ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"),
        ("", "", "--security-opt seccomp=unconfined"),
    ],
)
def test_a_machine_that_allows_no_namespaces(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, setting: str, value: str, remedy: str
) -> None:
    refusing = tmp_path / "bwrap"
    refusing.write_text(
        "#!/bin/sh\n[ $1 = --version ] && echo bubblewrap 0.9.0 && exit\n"
        "echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1\n"
    )
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(bubblewrap, "_setting", lambda name: value if name == setting else None)
    problem = Sandbox().unavailable()
    assert problem is not None
    assert problem.startswith("sandbox: bwrap: setting up uid map: Permission denied: ")
    assert remedy in problem


def test_a_tree_that_does_not_exist(bwrap: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="none"):
        asyncio.run(bwrap.run("true", tmp_path / "none", limits=LIMITS))


@pytest.mark.crash
def test_nothing_is_left_of_a_process_that_was_killed(bwrap: Sandbox, tree: Path) -> None:
    word = f"{secrets.randbelow(10**9)}.5"
    command = f"trap '' TERM; setsid nohup sleep {word} & setsid sleep {word}"
    process = subprocess.Popen([sys.executable, "-c", RUNNER, str(tree), command])
    try:
        # The two programs, beside the shell and bubblewrap that have the word in their command line.
        wait_for(lambda: sum(_is_sleep(found) for found in processes_named(word)) == 2)
    finally:
        process.kill()
        process.wait()
    wait_for(lambda: not processes_named(word))


@pytest.mark.slow
@pytest.mark.crash
def test_nothing_is_left_of_a_process_that_was_killed_at_any_moment(bwrap: Sandbox, tree: Path) -> None:
    word = f"{secrets.randbelow(10**9)}.5"
    for step in range(60):
        process = subprocess.Popen([sys.executable, "-c", RUNNER, str(tree), f"sleep {word}"], stdout=PIPE)
        with process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(step * 0.0005)
            process.kill()
    bubblewrap.end_abandoned()
    wait_for(lambda: not processes_named(word))


def _is_sleep(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/comm").read_text() == "sleep\n"
    except OSError:
        return False
