"""Runs programs in a run's working tree, with the network that its stack allows."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_hex

from recursor.agents.model.exchange import exchange_of
from recursor.agents.workspace.working_tree import RunTree, sandbox_limits
from recursor.domain.extras import needing
from recursor.domain.hosts import AllowedHosts

with needing("workspaces", "A workspace"):
    from recursor.agents.gateway.http import listening
    from recursor.agents.gateway.proxy import Proxy
    from recursor.workspaces.sandbox import ProgramResult, Sandbox
    from recursor.workspaces.sandbox.bubblewrap import PROXY_PORT

_OWN_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Network:
    """What a program in the sandbox needs to reach the allowed hosts."""

    proxy: Path | None = None
    """For `Sandbox.run` and `Sandbox.start`; None: it needs none, or has no network."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """For its environment."""
    refusals: Sequence[str] = ()
    """Why requests were refused so far, a line each."""


@asynccontextmanager
async def network(tree: RunTree, *, has_gateway: bool = False) -> AsyncIterator[Network]:
    """Let a program reach the hosts in `workspace.hosts` until the end of the block.

    Args:
        tree: the working tree in which it runs.
        has_gateway: whether it asks a model at its loopback address, which then leads nowhere else.
    """
    settings = tree.run.settings.workspace
    if not settings.hosts or settings.sandbox == "off":
        # Without a sandbox, nothing confines it.
        yield Network()
        return
    path = tree.directory.with_name(f"proxy-{token_hex(4)}.sock")
    listener = listening(path)
    try:
        async with Proxy.opened(settings.hosts, listener, exchange_of(tree.run).clock) as proxy:
            yield Network(path, _variables(() if has_gateway else settings.hosts), proxy.refusals)
    finally:
        path.unlink(missing_ok=True)


async def run_program(
    tree: RunTree,
    command: str | Sequence[str],
    seconds: float,
    *,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    on_output: Callable[[str], None] | None = None,
) -> ProgramResult:
    """Run a program in a working tree to its end, within the limits of the stack.

    What it was refused in the network is at the end of its output.

    Args:
        tree: the working tree.
        command: a line for `sh`, or a program and its arguments.
        seconds: how long it may run.
        environment: variables.
        stdin: its whole input.
        on_output: called with each part of its output.

    Raises:
        SandboxError: the sandbox cannot be used; the text gives the reason and the remedy.
    """
    settings = tree.run.settings.workspace
    async with network(tree) as net:
        ended = await Sandbox(settings.sandbox).run(
            command,
            tree.directory,
            limits=sandbox_limits(settings, seconds),
            environment={**net.variables, **(environment or {})},
            stdin=stdin,
            readable=(tree.objects,),
            proxy=net.proxy,
            on_output=on_output,
        )
        if not net.refusals:
            return ended
        told = "".join(f"[network: {refusal}]\n" for refusal in net.refusals)
    if on_output is not None:
        on_output(told)
    gap = "" if ended.output.endswith("\n") or not ended.output else "\n"
    return replace(ended, output=f"{ended.output}{gap}{told}")


def _variables(hosts: Sequence[str]) -> dict[str, str]:
    # A name of the sandbox itself, unless the same name is allowed for the runner's machine.
    allowed = AllowedHosts(hosts)
    own = ",".join(name for name in _OWN_NAMES if not allowed.names(name))
    address = f"http://127.0.0.1:{PROXY_PORT}"
    # Programs differ in which of the two spellings they know.
    variables = {"HTTP_PROXY": address, "HTTPS_PROXY": address, "NO_PROXY": own}
    return variables | {name.lower(): value for name, value in variables.items()}
