"""The main program of the web process."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from recursor.domain.extras import needing
from recursor.runner.child_process import run_child
from recursor.runtime.link import Link

if TYPE_CHECKING:
    from recursor.runner.web_process import Assignment


async def _serve(
    link: Link,
    assignment: Assignment,
    ready: Callable[[], None],
    listener: socket.socket,
    queue: socket.socket,
) -> None:
    # Imported here because the import may fail, as when an installation is changed under a runner.
    with needing("web", "serving the API and the dashboard"):
        from recursor.runner.web_main import serve

    await serve(link, assignment, ready, listener, queue)


if __name__ == "__main__":
    run_child(_serve)
