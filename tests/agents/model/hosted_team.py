"""A team for the tests of further processes; its planner does what the reason of its run says."""

import os
import subprocess
import sys
import threading
from pathlib import Path

from recursor.agents.model.ask import ask
from recursor.domain.agent import Run
from recursor.domain.effect import Outcome
from recursor.domain.snapshot import Snapshot
from recursor.domain.work import WorkStatus
from recursor.orchestration.roles import Role, RoleRegistry
from tests.agents.model.asked import Plan


class NotPortableError(Exception):
    """One that cannot be made of its text."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


# Of the signals that end a program, those that it does not end by.
NAME_IGNORED = """
from signal import *
print([number.name for number in (SIGINT, SIGTERM, SIGHUP) if getsignal(number) == SIG_IGN])
"""


def printed_by(*arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], capture_output=True, check=True, text=True).stdout


def _only_in(pid: int) -> Outcome:
    if pid != os.getpid():
        raise ValueError("not here")
    return Outcome()


class OnlyHere(Outcome):
    """One that no other process can read."""

    def __reduce__(self) -> tuple[object, ...]:
        return _only_in, (os.getpid(),)


class Planner:
    async def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        match run.reason:
            case "raise":
                raise NotPortableError("this", "that")
            case "end the process" if os.environ.get("SPARED") != str(os.getpid()):
                os._exit(7)
            case "die and leave a child":
                child = subprocess.Popen(["sleep", "3600"], close_fds=False)
                Path(os.environ["NOTE"]).write_text(str(child.pid))
                os._exit(7)
            case "return what cannot be read":
                return OnlyHere()
            case "return what cannot be sent":
                return Outcome.model_construct(summary=threading.Lock())
            case "start a program":
                return Outcome(thoughts=(printed_by("-c", NAME_IGNORED),))
            case "return nothing":
                return None  # type: ignore[return-value]  # as an agent might
        reply = await ask(run, snapshot, instructions="You plan.", prompt="Plan tea.", output=Plan)
        return Outcome(summary=reply.output.title, thoughts=(f"in {os.getpid()}",))


def team() -> RoleRegistry:
    nothing = WorkStatus(has_work=False, priority=0, reason="nothing")
    return RoleRegistry([Role("planner", lambda *_: nothing, Planner())])
