"""Programs that try to reach what is outside of their sandbox."""

import asyncio
import ctypes
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from recursor.workspaces.sandbox import ProgramResult, Sandbox
from recursor.workspaces.sandbox.system_calls import filter_program
from tests.workspaces.sandbox.conftest import LIMITS, Run

PYTHON = str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")

Script = Callable[[str], ProgramResult]


@pytest.fixture
def script(bwrap: Sandbox, run: Run) -> Script:
    """Runs a Python program in the sandbox."""
    return lambda text: run(bwrap, [PYTHON, "-c", text], readable=[Path(sys.base_prefix)])


@pytest.fixture
def secret(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A file outside, and its content."""
    word = secrets.token_hex(16)
    path = tmp_path / "secret"
    path.write_text(word)
    yield path, word
    assert path.read_text() == word


@pytest.mark.parametrize("path", ["/root", str(Path.home()), "/var/lib", "/etc/shadow", "/etc/ssl/private"])
def test_it_sees_no_directory_of_a_user(bwrap: Sandbox, run: Run, path: str) -> None:
    assert run(bwrap, ["ls", path]).status != 0


def test_it_sees_neither_the_data_directory_nor_other_trees(
    bwrap: Sandbox, run: Run, tmp_path: Path, secret: tuple[Path, str]
) -> None:
    other = tmp_path / "other-tree"
    other.mkdir()
    (other / "file").write_text(secret[1])
    ended = run(bwrap, f"cat {secret[0]} {other}/file ../secret ../other-tree/file; ls -a .. {tmp_path}")
    assert secret[1] not in ended.output
    assert "other-tree" not in ended.output.replace(f"{other}", "").replace("../other-tree", "")


def test_links_in_the_tree_lead_nowhere(
    bwrap: Sandbox, run: Run, tree: Path, secret: tuple[Path, str]
) -> None:
    path, word = secret
    (tree / "absolute").symlink_to(path)
    (tree / "relative").symlink_to("../secret")
    (tree / "directory").symlink_to(path.parent)
    (tree / "root").symlink_to("/proc/1/root")
    command = (
        f"cat absolute relative directory/secret root{path}; "
        f"for each in absolute relative directory/secret root{path}; do echo changed > $each; done"
    )
    assert word not in run(bwrap, command).output


def test_a_link_that_it_makes_leads_nowhere_for_it(
    bwrap: Sandbox, run: Run, secret: tuple[Path, str]
) -> None:
    path, word = secret
    ended = run(
        bwrap, f"ln -s {path} link; ln -s / all; cat link all{path}; ln {path} hard; ln /etc/passwd hard"
    )
    assert word not in ended.output
    assert "Invalid cross-device link" in ended.output


def test_it_can_write_nowhere_but_to_its_tree(bwrap: Sandbox, run: Run) -> None:
    places = "/ /usr /usr/bin /etc /dev /run /var /proc /proc/sys/kernel /home /lib /workspace/.."
    ended = run(bwrap, f"for place in {places}; do touch $place/made && echo made in $place; done")
    assert "made in" not in ended.output
    ended = run(bwrap, "echo 1 > /etc/passwd || echo 1 > /usr/bin/env || rm -f /usr/bin/env || rm /etc/hosts")
    assert ended.status != 0


def test_it_sees_no_variable_of_ours(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    word = secrets.token_hex(16)
    environment = {**os.environ, "ANTHROPIC_API_KEY": word}
    monkeypatch.setenv("ANTHROPIC_API_KEY", word)
    process = subprocess.Popen(["sleep", "1000"], env=environment)
    try:
        ended = script(
            "import glob\n"
            "for path in glob.glob('/proc/*/environ') + glob.glob('/proc/*/task/*/environ'):\n"
            "    try: print(path, open(path, 'rb').read())\n"
            "    except OSError as error: print(error)\n"
        )
    finally:
        process.kill()
        process.wait()
    assert "/proc/1/environ" in ended.output
    assert word not in ended.output


def test_it_sees_no_process_outside(script: Script) -> None:
    ended = script(
        "import os\n"
        "for each in filter(str.isdecimal, os.listdir('/proc')):\n"
        "    print(open(f'/proc/{each}/comm').read().strip())\n"
    )
    assert set(ended.output.split()) <= {"bwrap", "sh", Path(PYTHON).name, "python", "python3"}


def test_it_has_no_file_of_ours_open(script: Script) -> None:
    ended = script(
        "import os\nfor each in os.listdir('/proc/self/fd'):\n"
        "    try: print(each, os.readlink(f'/proc/self/fd/{each}'))\n"
        "    except FileNotFoundError: pass\n"
    )
    assert {line.split()[0] for line in ended.output.splitlines()} == {"0", "1", "2"}


def test_it_cannot_signal_a_process_outside(script: Script) -> None:
    process = subprocess.Popen(["sleep", "1000"])
    try:
        ended = script(
            "import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            f"for each in ({process.pid}, {os.getpid()}, {os.getppid()}):\n"
            "    try: os.kill(each, 9); print('signalled')\n"
            "    except ProcessLookupError: print('no such process')\n"
            "try: os.kill(-1, 9)\n"
            "except ProcessLookupError: pass\n"
        )
        assert ended.output == "no such process\n" * 3
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def test_it_cannot_trace_a_process_outside(script: Script) -> None:
    ended = script(
        "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        f"print(libc.ptrace(16, {os.getpid()}, 0, 0), os.strerror(ctypes.get_errno()))\n"
    )
    assert ended.output == "-1 No such process\n"


def test_it_has_no_capability_and_gains_none(script: Script) -> None:
    ended = script(
        "import os\n"
        "for each in ('self', '1'):\n"
        "    lines = open(f'/proc/{each}/status').read().splitlines()\n"
        "    names = ('Cap', 'NoNewPrivs', 'Seccomp:')\n"
        "    print([line.split()[1] for line in lines if line.startswith(names)])\n"
        "print(os.getuid(), os.geteuid())\n"
    )
    capabilities = ["0000000000000000"] * 5
    seccomp = "0" if filter_program() is None else "2"
    own, first, users = ended.output.splitlines()
    assert own == str([*capabilities, "1", seccomp])
    assert first.startswith(str(capabilities)[:-1])
    assert users == "1000 1000"


def test_a_setuid_program_gives_it_nothing(bwrap: Sandbox, run: Run) -> None:
    ended = run(bwrap, "cp /bin/sh sh; chmod u+s sh; ./sh -p -c 'id -u; cat /etc/shadow'; su -c id")
    assert ended.output.startswith("1000\n")
    assert "uid=0" not in ended.output


@pytest.mark.parametrize(
    "command",
    [
        "mount -t tmpfs tmpfs /workspace",
        "mount --bind /workspace /usr",
        "mount -o remount,rw /usr",
        "umount /workspace",
        "umount /proc/sys",
        "unshare --user --map-root-user true",
        "unshare --mount true",
        "chroot / true",
        "mknod device b 254 0",
        "hostname other",
        "nsenter --target 1 --mount true",
    ],
)
def test_it_can_change_no_mount_and_make_no_namespace(bwrap: Sandbox, run: Run, command: str) -> None:
    assert run(bwrap, command).status != 0


@pytest.mark.parametrize(
    "path",
    [
        "/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches",
        "/proc/sysrq-trigger", "/proc/sys/user/max_user_namespaces", "/sys/kernel/mm/ksm/run",
        "/sys/fs/cgroup/cgroup.procs", "/dev/kmsg", "/dev/mem", "/dev/sda", "/dev/vda",
    ],
)  # fmt: skip
def test_it_cannot_write_to_the_kernel(bwrap: Sandbox, run: Run, path: str) -> None:
    # Opening it for writing must fail; nothing is written, in case that it does not.
    assert run(bwrap, f": >> {path}").status != 0


def test_nothing_outside_of_its_own_directories_can_be_opened_for_writing(script: Script) -> None:
    ended = script(
        "import os\n"
        "own = {'/workspace', '/tmp', '/home/recursor', '/dev/shm', '/dev/pts', '/proc/self'}\n"
        "for top, directories, names in os.walk('/'):\n"
        "    directories[:] = [each for each in directories if os.path.join(top, each) not in own\n"
        "        and each != 'thread-self'\n"
        "        and not (top == '/proc' and each.isdecimal()) and top + each != '/usr']\n"
        "    for name in names:\n"
        "        path = os.path.join(top, name)\n"
        "        try: os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)); print(path)\n"
        "        except OSError: pass\n"
    )
    assert set(ended.output.split()) <= {
        "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/ptmx",
        "/dev/stdin", "/dev/stdout", "/dev/stderr",
    }  # fmt: skip


def test_devices(bwrap: Sandbox, run: Run) -> None:
    assert set(run(bwrap, "ls /dev").output.split()) == {
        "core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty",
        "urandom", "zero",
    }  # fmt: skip


def test_it_reaches_no_server_of_this_machine(script: Script, tmp_path: Path) -> None:
    abstract = f"\0recursor-{secrets.token_hex(8)}"
    path = str(tmp_path / "socket")
    with (
        socket.socket() as tcp,
        socket.socket(socket.AF_UNIX) as named,
        socket.socket(socket.AF_UNIX) as unnamed,
    ):
        tcp.bind(("127.0.0.1", 0))
        named.bind(path)
        unnamed.bind(abstract)
        for server in (tcp, named, unnamed):
            server.listen()
        ended = script(
            "import socket\n"
            f"for family, address in ((socket.AF_INET, {tcp.getsockname()!r}),\n"
            f"        (socket.AF_UNIX, {path!r}), (socket.AF_UNIX, {abstract!r}),\n"
            "        (socket.AF_INET, ('1.1.1.1', 443)), (socket.AF_INET6, ('2606:4700::1111', 443))):\n"
            "    with socket.socket(family) as client:\n"
            "        try: client.connect(address); print('connected')\n"
            "        except OSError as error: print(type(error).__name__)\n"
            "try: socket.getaddrinfo('example.com', 443); print('connected')\n"
            "except OSError as error: print(type(error).__name__)\n"
            "print([name for _, name in socket.if_nameindex()])\n"
        )
    assert "connected" not in ended.output
    assert ended.output.endswith("['lo']\n")


@pytest.mark.skipif(filter_program() is None, reason="no filter of system calls for this kind of machine")
def test_system_calls_that_reach_past_namespaces(script: Script) -> None:
    ended = script(
        "import ctypes, fcntl, os, pty, socket\n"
        "for family in (40, 31, 38, 17):\n"  # virtual machines, Bluetooth, the kernel's ciphers, packets
        "    try: socket.socket(family, socket.SOCK_STREAM); print('made')\n"
        "    except OSError as error: print(error.strerror)\n"
        "_, terminal = pty.openpty()\n"
        "try: fcntl.ioctl(terminal, 0x5412, b'x'); print('typed')\n"
        "except OSError as error: print(error.strerror)\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "keyctl, io_uring_setup = (250, 425) if os.uname().machine == 'x86_64' else (219, 425)\n"
        "print(libc.syscall(keyctl, 0, -3, 0), os.strerror(ctypes.get_errno()))\n"
        "print(libc.syscall(io_uring_setup, 1, 0), os.strerror(ctypes.get_errno()))\n"
    )
    assert ended.output.splitlines() == [
        *["Address family not supported by protocol"] * 4,
        "Operation not permitted",
        "-1 Operation not permitted",
        "-1 Function not implemented",
    ]


def test_what_programs_do_need_works(script: Script) -> None:
    ended = script(
        "import multiprocessing, os, pty, socket, subprocess, threading\n"
        "a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'\n"
        "server = socket.create_server(('127.0.0.1', 0)); socket.create_connection(server.getsockname())\n"
        "socket.create_connection(('localhost', server.getsockname()[1]))\n"
        "server = socket.create_server(('::1', 0), family=socket.AF_INET6)\n"
        "assert subprocess.run(['id', '-un'], capture_output=True).stdout == b'recursor\\n'\n"
        "thread = threading.Thread(target=print); thread.start(); thread.join()\n"
        "lock = multiprocessing.Lock(); pty.openpty(); os.sched_getaffinity(0)\n"
        "open(os.path.expanduser('~/x'), 'w'); open('/tmp/x', 'w'); open('x', 'w')\n"
        "print('all')\n"
    )
    assert ended.output == "\nall\n"


def test_two_programs_do_not_see_one_another(bwrap: Sandbox, tree: Path, tmp_path: Path) -> None:
    word = secrets.token_hex(8)
    (tmp_path / "other").mkdir()

    async def run() -> str:
        first = "echo $0 > /tmp/shared; echo up; cat"
        async with bwrap.start(["sh", "-c", first, word], tree, limits=LIMITS) as program:
            assert await program.stdout.readline() == b"up\n"
            looking = "cat /tmp/shared /proc/[0-9]*/cmdline; ls /workspace"
            return (await bwrap.run(looking, tmp_path / "other", limits=LIMITS)).output

    assert word not in asyncio.run(run())


def test_it_does_not_inherit_the_keys_of_the_kernel(script: Script) -> None:
    assert ctypes.sizeof(ctypes.c_long) == 8
    ended = script("print(open('/proc/keys').read())" if Path("/proc/keys").exists() else "print()")
    assert "recursor" not in ended.output


def test_it_ends_while_others_hold_its_files(bwrap: Sandbox, run: Run, tree: Path) -> None:
    os.mkfifo(tree / "fifo")

    def hold() -> None:
        with suppress(OSError), (tree / "fifo").open("rb") as file:
            file.read()

    thread = threading.Thread(target=hold)
    thread.start()
    assert run(bwrap, "exec 3> fifo; echo done").output == "done\n"
    thread.join()
