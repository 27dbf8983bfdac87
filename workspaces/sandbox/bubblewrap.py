"""The arguments of bubblewrap: what a program in the sandbox sees; and why bubblewrap cannot be used."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from recursor.workspaces.sandbox.system_calls import filter_program

PROGRAM = "bwrap"

TREE = "/workspace"
HOME = "/home/recursor"
SOCKET = "/run/recursor/gateway.sock"
PROXY_SOCKET = "/run/recursor/proxy.sock"
"""Paths in the sandbox."""
PORT, PROXY_PORT = 8377, 8378
"""The ports of the sandbox's loopback address that lead to `SOCKET` and `PROXY_SOCKET`."""

_SOCKETS = {PORT: SOCKET, PROXY_PORT: PROXY_SOCKET}

# The first release with --disable-userns.
_OLDEST = (0, 8)

_FORWARDER = Path(__file__).with_name("forwarder.py")
_FORWARDER_INSIDE = "/run/recursor/forwarder.py"

# The first word of a command line, before the id of the process that started it.
_NAME = "recursor-sandbox-"

# The user and group of programs in the sandbox, whoever runs it outside.
_USER = 1000

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")

# What programs need of /etc. The rest may hold passwords and keys, which root could read.
_ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "crypto-policies", "debian_version", "fonts",
    "inputrc", "java", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias", "localtime", "magic",
    "mime.types", "os-release", "perl", "pki/ca-trust/extracted", "pki/tls/certs", "protocols", "services",
    "ssl/cert.pem", "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone",
)  # fmt: skip

# What root can write to in /proc, also without any capability; bubblewrap itself covers it for others alone.
_READ_ONLY_PROC = ("bus", "fs", "irq", "mtrr", "pressure", "sys", "sysrq-trigger")

# What tells of the whole machine, or is for its administrator.
_HIDDEN_PROC = ("acpi", "asound", "driver", "kcore", "keys", "kmsg", "latency_stats", "scsi", "timer_list")

_OWN_ETC = {
    "passwd": f"recursor:x:{_USER}:{_USER}::{HOME}:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
    "group": f"recursor:x:{_USER}:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n",
}


@contextmanager
def options(
    tree: Path,
    *,
    environment: Mapping[str, str],
    readable: Iterable[Path],
    sockets: Mapping[int, Path],
    temporary_bytes: int,
    gate: int,
    status: int,
) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """Give bubblewrap's command line, without the program, and the descriptors that it inherits.

    The first word names this process, for `end_abandoned`; the file to run is `path`. The options themselves
    are passed in a descriptor: they may hold a token, and every user of the machine can read command lines.

    Args:
        tree: the only directory of this machine that the program can write to.
        environment: all variables of the program.
        readable: paths that it may read, at the same place as outside.
        sockets: Unix sockets that it may use: `PORT`'s at `SOCKET`, `PROXY_PORT`'s at `PROXY_SOCKET`.
        temporary_bytes: the size of each of its temporary directories.
        gate: a descriptor; the program begins when it can be read.
        status: a descriptor to which bubblewrap writes the ids of processes.
    """
    with _Files() as files:
        words = [
            *("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"),
            *("--unshare-cgroup-try", "--disable-userns", "--die-with-parent", "--new-session"),
            *("--uid", str(_USER), "--gid", str(_USER), "--hostname", "sandbox", "--cap-drop", "ALL"),
        ]
        for directory in _SYSTEM:
            words += _system(directory)
        for name in _ETC:
            words += ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
        for name, text in _OWN_ETC.items():
            words += ("--ro-bind-data", str(files.holding(text.encode())), f"/etc/{name}")
        size = str(temporary_bytes)
        words += ("--proc", "/proc", *_proc(), "--dev", "/dev", "--size", size, "--tmpfs", "/dev/shm")
        words += ("--remount-ro", "/dev", "--dir", "/run", "--dir", "/var", "--symlink", "/tmp", "/var/tmp")
        words += ("--perms", "1777", "--size", size, "--tmpfs", "/tmp", "--size", size, "--tmpfs", HOME)
        for place in readable:
            words += ("--ro-bind", str(place), str(place))
        words += ("--bind", str(tree), TREE)
        for port, socket in sockets.items():
            words += ("--bind", str(socket), _SOCKETS[port])
        if sockets:
            words += ("--ro-bind", str(_FORWARDER), _FORWARDER_INSIDE)
            # This interpreter, which runs the forwarder: the system may have none.
            words += ("--ro-bind", sys.base_prefix, sys.base_prefix)
        words += ("--remount-ro", "/", "--chdir", TREE, "--clearenv")
        for name, value in environment.items():
            words += ("--setenv", name, value)
        if (program := filter_program()) is not None:
            words += ("--seccomp", str(files.holding(program)))
        words += ("--block-fd", str(gate), "--json-status-fd", str(status))
        arguments = files.holding(b"".join(os.fsencode(word) + b"\0" for word in words))
        yield [f"{_NAME}{os.getpid()}", "--args", str(arguments), "--"], (*files.descriptors, gate, status)


def forwarding(ports: Iterable[int]) -> tuple[str, ...]:
    """Return the words before a command that has these ports lead to their sockets while it runs."""
    pairs = (word for port in ports for word in (str(port), _SOCKETS[port]))
    interpreter = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    return (str(interpreter), "-I", "-S", _FORWARDER_INSIDE, *pairs, "--")


def end_abandoned() -> None:
    """End what is left of sandboxes whose process was killed at the very moment when it made them.

    bubblewrap's second process does not notice in its first steps that the first one is killed, and waits for
    it for ever.
    """
    for process in map(int, filter(str.isdecimal, os.listdir("/proc"))):
        with suppress(OSError, ValueError):
            name = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
            if name.startswith(_NAME) and not os.path.exists(f"/proc/{int(name.removeprefix(_NAME))}"):
                os.kill(process, signal.SIGKILL)


def path() -> str | None:
    """Return the path of bubblewrap, or None if it is not installed."""
    return shutil.which(PROGRAM)


def _system(directory: str) -> tuple[str, ...]:
    # Where /bin is a link to usr/bin, it is one in the sandbox, too.
    if os.path.islink(directory):
        return ("--symlink", os.readlink(directory), directory)
    return ("--ro-bind-try", directory, directory)


def _proc() -> Iterator[str]:
    for name in _READ_ONLY_PROC:
        yield from ("--ro-bind-try", f"/proc/{name}", f"/proc/{name}")
    for name in _HIDDEN_PROC:
        place = f"/proc/{name}"
        if os.path.isdir(place):
            yield from ("--tmpfs", place, "--remount-ro", place)
        elif os.path.exists(place):
            yield from ("--ro-bind", "/dev/null", place)


class _Files:
    """Contents in memory that a child process reads from descriptors."""

    def __init__(self) -> None:
        self.descriptors: list[int] = []

    def __enter__(self) -> "_Files":
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)

    def holding(self, content: bytes) -> int:
        """Return a new descriptor from which this content can be read."""
        descriptor = os.memfd_create("recursor")
        self.descriptors.append(descriptor)
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor


def unavailable() -> str | None:
    """Return why bubblewrap cannot be used here, with the remedy, or None. Runs it once (10 ms)."""
    if path() is None:
        return "sandbox: bubblewrap is not installed: apt-get install bubblewrap (or dnf install bubblewrap)"
    try:
        found = subprocess.run(
            [PROGRAM, "--version"], capture_output=True, text=True, timeout=30, check=False
        )
        version = re.search(r"(\d+)\.(\d+)", found.stdout)
        if version is None or (int(version[1]), int(version[2])) < _OLDEST:
            oldest = ".".join(map(str, _OLDEST))
            return (
                f"sandbox: {found.stdout.strip() or 'bwrap'} is too old: install bubblewrap {oldest} or newer"
            )
        problem = _try()
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"sandbox: bubblewrap cannot be run ({error}): apt-get install --reinstall bubblewrap"
    return None if problem is None else f"sandbox: {problem}: {_remedy(problem)}"


def _try() -> str | None:
    gate, opener = os.pipe()
    os.close(opener)
    status = os.open(os.devnull, os.O_WRONLY)
    try:
        with options(
            Path("/usr"),
            environment={},
            readable=(),
            sockets={},
            temporary_bytes=2**20,
            gate=gate,
            status=status,
        ) as (command, descriptors):
            done = subprocess.run(
                [*command, "sh", "-c", "exit 0"],
                executable=path(),
                pass_fds=descriptors,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=30,
                check=False,
                stdin=subprocess.DEVNULL,
            )
    finally:
        os.close(gate)
        os.close(status)
    if done.returncode == 0:
        return None
    return " ".join(done.stderr.split())[-300:] or f"bwrap: exit status {done.returncode}"


def _remedy(problem: str) -> str:
    if _setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "AppArmor keeps it from making user namespaces: load the profile bwrap-userns-restrict of the "
            "package apparmor-profiles, or allow all programs with sysctl -w "
            "kernel.apparmor_restrict_unprivileged_userns=0"
        )
    if _setting("kernel/unprivileged_userns_clone") == "0":
        return "user namespaces are switched off: sysctl -w kernel.unprivileged_userns_clone=1"
    if _setting("user/max_user_namespaces") == "0":
        return "user namespaces are switched off: sysctl -w user.max_user_namespaces=15000"
    if "proc" in problem:
        return "in a Docker container, start the container with --security-opt systempaths=unconfined"
    return (
        "in a Docker container, start the container with --security-opt seccomp=unconfined "
        "--security-opt apparmor=unconfined --security-opt systempaths=unconfined"
    )


def _setting(name: str) -> str | None:
    try:
        return (Path("/proc/sys") / name).read_text().strip()
    except OSError:
        return None
