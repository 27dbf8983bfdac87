"""The system calls that a program in the sandbox may not use, as a filter for the kernel (seccomp).

Namespaces do not separate everything: sockets of virtual machines (AF_VSOCK), Bluetooth and the kernel's
key rings are the same in all of them. Programs seldom need the calls that are refused here.
"""

import platform
import struct
from dataclasses import dataclass

# linux/filter.h and linux/seccomp.h
_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97

# struct seccomp_data: the number of the call, the architecture, and the low halves of its arguments.
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24

# Unix, IPv4, IPv6, netlink: each belongs to a network namespace.
_FAMILIES = (1, 2, 10, 16)

# Would put characters into the terminal of whoever started the runner.
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C


@dataclass(frozen=True, slots=True)
class _Machine:
    architecture: int
    socket: int
    ioctl: int
    refused: tuple[int, ...]
    """syslog, add_key, request_key, keyctl, perf_event_open, bpf, userfaultfd."""
    absent: tuple[int, ...] = (425, 426, 427)
    """io_uring: it opens sockets without the call that is looked at here. Programs do without it."""


_MACHINES = {
    "x86_64": _Machine(0xC000003E, 41, 16, (103, 248, 249, 250, 298, 321, 323)),
    "aarch64": _Machine(0xC00000B7, 198, 29, (116, 217, 218, 219, 241, 280, 282)),
}


def filter_program() -> bytes | None:
    """Return the filter for this machine, or None for an architecture that it does not know.

    Programs of another architecture than the machine's own (32-bit ones on x86-64) cannot run with it.
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return None
    steps: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, machine.architecture),
        _refuse(_ENOSYS),
        (_LOAD, 0, 0, _NUMBER),
        # The x32 calls of x86-64; no other architecture has numbers as high.
        (_AT_LEAST, 0, 1, 0x40000000),
        _refuse(_ENOSYS),
    ]
    for number in machine.refused:
        steps += [(_EQUAL, 0, 1, number), _refuse(_EPERM)]
    for number in machine.absent:
        steps += [(_EQUAL, 0, 1, number), _refuse(_ENOSYS)]
    families = [(_EQUAL, len(_FAMILIES) - at, 0, family) for at, family in enumerate(_FAMILIES)]
    steps += [
        (_EQUAL, 0, len(families) + 3, machine.socket),
        (_LOAD, 0, 0, _FIRST),
        *families,
        _refuse(_EAFNOSUPPORT),
        (_RETURN, 0, 0, _ALLOW),
        (_EQUAL, 0, 4, machine.ioctl),
        (_LOAD, 0, 0, _SECOND),
        (_EQUAL, 1, 0, _TIOCSTI),
        (_EQUAL, 0, 1, _TIOCLINUX),
        _refuse(_EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _refuse(error: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, _ERRNO | error)
