"""A process in which the scripted team works on a repository, and which may kill itself at some point.

    python -m tests.crash.repository_child DIRECTORY [POINT:COUNT]

It ends by itself when the project is complete.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recursor.actors.messages import ControlStack, CreateStack, Subscribe
from recursor.actors.orchestrator import Orchestrator
from recursor.agents.scripted.site import SITE_CHECK
from recursor.domain.commands import Command
from recursor.domain.new_records import new_idea, new_stack, new_workspace
from recursor.domain.settings import RunnerSettings
from recursor.domain.stack import StackKind
from recursor.runner.team import standard_team
from recursor.storage.opening import open_store
from recursor.storage.queries import list_stacks
from recursor.storage.tables import STACKS, WORKSPACES
from recursor.workspaces.repository import Repository
from recursor.workspaces.sandbox import Sandbox
from recursor.workspaces.upkeep import Upkeep
from tests.actors.stage import WAIT, Audience

STACK_NAME = "site"
BUILDERS = 3
# The check lasts a while, so that it can be killed in the middle.
CHECK = f"sleep 0.4; {SITE_CHECK}"
# Tenths of a second after which a project that takes a few seconds is given up for lost.
MOST_TENTHS = 900
# Seconds after the beginning of a check at which it is in the middle.
IN_THE_MIDDLE = 0.2


class Fate:
    """Kills this process when it passes some point for the n-th time."""

    def __init__(self, text: str) -> None:
        self._point, _, count = text.partition(":")
        self._left = int(count or 0)
        self._lock = threading.Lock()

    def is_met(self, point: str) -> bool:
        with self._lock:
            self._left -= point == self._point
            return point == self._point and self._left == 0

    def passing(self, point: str) -> None:
        if self.is_met(point):
            die()

    def around(self, owner: Any, name: str, before: str = "", after: str = "") -> None:
        """Pass points before and after each call of a method."""
        method: Callable[..., Any] = getattr(owner, name)

        def passing(*args: Any, **named: Any) -> Any:
            self.passing(before)
            found = method(*args, **named)
            self.passing(after)
            return found

        setattr(owner, name, passing)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def prepare(fate: Fate) -> None:
    """Let the process die in the middle of what it does."""
    fate.around(Repository, "make", after="clone")
    fate.around(Repository, "commit_directory", before="run")
    # Of a builder's commit, and of a merge, before there is a record of it.
    fate.around(Repository, "keep", after="commit")
    run = Sandbox.run

    async def dying(sandbox: Sandbox, *args: Any, **named: Any) -> Any:
        if fate.is_met("check"):
            threading.Timer(IN_THE_MIDDLE, die).start()
        return await run(sandbox, *args, **named)

    Sandbox.run = dying  # type: ignore[method-assign,assignment]  # it dies in what it stands for


def main(directory: Path, fate: Fate) -> int:
    """Go on with the project in `directory`, to its end."""
    prepare(fate)
    store, upkeep = open_store(directory / "store"), Upkeep(directory / "workspaces")
    with store.read() as reader:
        # As the runner does.
        upkeep.tidy({key.decode() for key, _ in reader.scan(WORKSPACES.name)})
    audience_ref = Audience.start()
    audience = audience_ref._actor_weakref()
    engine = Orchestrator.start(store, standard_team(), None, RunnerSettings(), upkeep=upkeep)
    try:
        engine.ask(Subscribe(audience_ref), timeout=WAIT)
        with store.read() as reader:
            known = [stack.id for stack in list_stacks(reader)]
        if not known:
            now = time.time()
            own = {
                "workspace": {"builders": BUILDERS, "checks": [CHECK]},
                "pause": {"after_work": 0.0, "failures_allowed": 100},
            }
            stack = new_stack(STACK_NAME, now, own, StackKind.WORKSPACE)
            command = CreateStack(
                stack, new_idea(stack.id, "Notes", now), False, new_workspace(stack, None, now)
            )
            engine.ask(command, timeout=WAIT)
            engine.ask(ControlStack(stack.id, Command.START), timeout=WAIT)
            known = [stack.id]
        for _ in range(MOST_TENTHS):
            with store.read() as reader:
                stack_now = STACKS.get(reader, known[0])
            if stack_now is not None and stack_now.phase.is_final:
                break
            with audience.arrived:
                audience.arrived.wait(0.1)
        return 0 if stack_now is not None and stack_now.phase.is_final else 1
    finally:
        engine.stop(timeout=WAIT)
        audience_ref.stop(timeout=WAIT)
        upkeep.close()
        store.close()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Fate(sys.argv[2] if len(sys.argv) > 2 else "")))
