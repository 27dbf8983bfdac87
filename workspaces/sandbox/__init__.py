"""Runs programs that nobody has checked: tests of a repository, commands of a model, coding agents.

A program sees the system's programs and libraries, read-only; its tree, at /workspace, the only directory
that it can change; and temporary directories of its own in memory. It sees no other file, no other process,
no network, and no variable but those that it is given. Namespaces, made by bubblewrap, see to that; the
program has no capability, and the system calls in `system_calls` are refused. Its limits:

| limit | held by |
|---|---|
| time, output | this process |
| memory | a control group, where this process may make one; otherwise looks at all its processes ten times \
a second, and RLIMIT_DATA for each of them in between |
| processes and threads | a control group; otherwise the same looks, and RLIMIT_NPROC unless root runs it \
(Linux 5.14) |
| open files, the size of a file | RLIMIT_NOFILE, RLIMIT_FSIZE |
| the size of the tree | looks at it, at most twice a second: what the disk takes meanwhile may be more |
| temporary files | the size of their file systems |

A program that exceeds its limit of time, memory, processes, output or disk is stopped. However a program
ends, all that it has started ends before `Sandbox.run` returns. If this process is killed, or the thread of
the event loop ends, the kernel kills them all.

Looks may come too late for a program that doubles itself as fast as it can: root should run Recursor where
it can make control groups.

What a program writes belongs to the user of this process, also if that is root. Trees belong in directories
that no other user can enter: a program may let others run a file with the rights of its owner.

With `kind="off"`, a program runs as the user of this process, and can do what that user can. The limits are
the same, except that its temporary directories are those of the machine, and that RLIMIT_NPROC is not set.
Its processes are found by their control group, their parents and a variable; without a control group, one
that hides from both others goes on, and so do all of them if this process is killed.
"""

from recursor.workspaces.sandbox.program import Program, ProgramResult, SandboxError, SandboxLimits
from recursor.workspaces.sandbox.sandbox import Sandbox, SandboxKind

__all__ = ["Program", "ProgramResult", "Sandbox", "SandboxError", "SandboxKind", "SandboxLimits"]
