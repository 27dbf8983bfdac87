"""A process for the tests of its supervisor; it does what its assignment says."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

from recursor.runner.child_process import run_child
from recursor.runtime.link import Link


async def _work(link: Link, assignment: tuple[str, Path], ready: Callable[[], None]) -> None:
    wanted, switch = assignment
    if wanted == "fail unless":
        if not switch.exists():
            raise ValueError(f"{switch.name} is missing")
    elif wanted == "be stuck":
        # As code is that waits for what will not come.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        ready()
        time.sleep(3600)
    ready()
    while True:
        match await link.receive():
            case "fail":
                raise ValueError("as it was told")
            case message:
                link.send(message)


if __name__ == "__main__":
    run_child(_work)
