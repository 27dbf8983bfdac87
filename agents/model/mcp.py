"""MCP servers as tools of a role: which of their tools a model may use, and for how long."""

import contextlib
import logging
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from pydantic_ai.exceptions import ToolFailed
from pydantic_ai.messages import BinaryContent
from pydantic_ai.tools import RunContext
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool, WrapperToolset
from pydantic_core import to_json

from recursor.agents.model.keys import SHOWN_INSTEAD
from recursor.domain.errors import InvalidInputError, in_one_line
from recursor.domain.extras import ExtraMissingError, needing
from recursor.domain.spending import AgentFailedError

if TYPE_CHECKING:
    from fastmcp.client.transports import StdioTransport

GUARD = Path(__file__).with_name("mcp_guard.py")
# Time for another language's interpreter to start on a busy machine.
START_SECONDS = 30.0
CALL_SECONDS = 60.0
# About five thousand tokens: a tool's answer is sent with every further call of the model.
MOST_CHARACTERS = 16_000
# The protocol's error code for a timeout.
TIMED_OUT = -32001
# Environment variables with secrets; shorter values are no keys.
_SECRET = re.compile("key|token|secret|password", re.IGNORECASE)
SHORTEST_SECRET = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServer:
    """One server, as an element of `ModelRole.tools`: each run has a connection or a process of its own.

    A process starts with a few harmless environment variables (such as `PATH` and `HOME`), without any
    model's key, and ends with the run.
    """

    name: str
    """Its name in errors."""
    tools: Sequence[str]
    """The tools that the model may use; it sees no others."""
    command: Sequence[str] = ()
    """The command that starts it, with arguments; communication is over standard input and output."""
    url: str | None = None
    """Its address, instead, if it speaks streamable HTTP."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Further environment variables for the process."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further HTTP headers, such as `Authorization`."""
    start_seconds: float = START_SECONDS
    """Seconds that it may take to become ready."""
    call_seconds: float = CALL_SECONDS
    """Seconds that a tool may take; then the model is told that it failed."""
    most_characters: int = MOST_CHARACTERS
    """The most characters of a tool's answer shown to the model."""

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            InvalidInputError: it has both `command` and `url`, neither, or no tools.
        """
        if bool(self.command) == (self.url is not None) or isinstance(self.command, str):
            raise InvalidInputError(
                f"MCP server {self.name}: give either command, a sequence of words, or url"
            )
        if not self.tools or isinstance(self.tools, str):
            raise InvalidInputError(
                f"MCP server {self.name}: tools is empty: name the tools that may be used"
            )

    def opened(self, note: Callable[[str], None]) -> AbstractToolset[None]:
        """Return its tools for one run; entering them connects to the server. This may block.

        Args:
            note: called with the run's current activity.

        Raises:
            AgentFailedError: the package for MCP is not installed.
        """
        package = _package(self.name)
        further: dict[str, Any] = {
            "id": self.name,
            # The model is told, and can do without.
            "tool_error_behavior": "failed",
            "init_timeout": self.start_seconds,
            "read_timeout": self.call_seconds,
        }
        if self.url is not None:
            return _Tools(package.MCPToolset(self.url, headers=dict(self.headers), **further), self, note)
        process = package.StdioTransport(
            sys.executable,
            # It needs no installed package, and so starts at once.
            ["-I", "-S", str(GUARD), *self.command],
            dict(self.environment),
            keep_alive=False,
        )
        return _Tools(package.MCPToolset(process, **further), self, note, process)

    def scrubbed(self, text: str) -> str:
        """Return `text` without the server's credentials."""
        secrets = [part for value in self.headers.values() for part in value.split()]
        secrets += [value for name, value in self.environment.items() if _SECRET.search(name)]
        for secret in secrets:
            if len(secret) >= SHORTEST_SECRET:
                text = text.replace(secret, SHOWN_INSTEAD)
        return text


@dataclass
class _Tools(WrapperToolset[None]):
    """A server's tools for one run: the allowed ones, within their limits."""

    server: McpServer
    note: Callable[[str], None]
    process: "StdioTransport | None" = None
    _said: IO[str] | None = None

    async def __aenter__(self) -> Self:
        self.note(f"waited for the {self._whole_name} to be ready")
        if self.process is not None:
            # It lasts as long as the connection.
            self._said = self.process.log_file = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        try:
            await self.wrapped.__aenter__()
        except Exception as error:  # noqa: BLE001  # a foreign server may fail in any way
            problem = self._problem(error)
            self._forget()
            raise AgentFailedError(f"{self._whole_name}: cannot be used: {problem}") from None
        except BaseException:
            self._forget()
            raise
        return self

    async def __aexit__(self, *reason: object) -> bool | None:
        try:
            # An error at the end of the connection was already reported, or no longer matters.
            with contextlib.suppress(Exception):
                await self.wrapped.__aexit__(*reason)
        finally:
            self._forget()
        return None

    async def get_tools(self, ctx: RunContext[None]) -> dict[str, ToolsetTool[None]]:
        try:
            offered = await self.wrapped.get_tools(ctx)
        except Exception as error:  # noqa: BLE001  # the same
            raise AgentFailedError(f"{self._whole_name}: {self._problem(error)}") from None
        for name in self.server.tools:
            if name not in offered:
                known = ", ".join(sorted(offered)) or "none"
                raise AgentFailedError(
                    f"{self._whole_name}: it has no tool {name}; it has {known}: change tools, then resume",
                    suspend=True,
                )
        return {name: offered[name] for name in self.server.tools}

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[None], tool: ToolsetTool[None]
    ) -> Any:
        self.note(f"waited for {name} of the {self._whole_name}")
        try:
            return _shortened(
                await self.wrapped.call_tool(name, tool_args, ctx, tool), self.server.most_characters
            )
        except ToolFailed as failed:
            raise ToolFailed(_shortened(failed.message, self.server.most_characters)) from None
        except Exception as error:  # noqa: BLE001  # the same
            code = getattr(error.__cause__, "code", None)
            if code == TIMED_OUT:
                waited = f"{name} did not answer within {self.server.call_seconds:g} seconds"
                raise ToolFailed(waited) from None
            raise AgentFailedError(f"{self._whole_name}: {name}: {self._problem(error)}") from None

    @property
    def _whole_name(self) -> str:
        return f"MCP server {self.server.name}"

    def _problem(self, error: Exception) -> str:
        """Return the problem, with the last output of a process."""
        said = ""
        if self._said is not None:
            self._said.seek(0)
            lines = [line.strip() for line in self._said if line.strip()]
            said = f": {lines[-1]}" if lines else ""
        return self.server.scrubbed(f"{in_one_line(error)}{said}")

    def _forget(self) -> None:
        if self._said is not None:
            self._said.close()
            self._said = None


def _shortened(result: Any, most: int) -> Any:
    """Return a tool's answer, cut at the limit for the model."""
    if isinstance(result, BinaryContent):
        size = len(result.data)
        return result if size <= most else f"({result.media_type} of {size:,} bytes is too large to be shown)"
    text = result if isinstance(result, str) else to_json(result, fallback=str).decode()
    if len(text) <= most:
        return result
    return f"{text[:most]}\n({len(text) - most:,} more characters are not shown)"


def _package(server: str) -> Any:
    """Return pydantic-ai's module for MCP."""
    is_new = "fastmcp" not in sys.modules
    try:
        with needing("mcp", f"MCP server {server}"):
            import pydantic_ai.mcp as package
    except ExtraMissingError as error:
        raise AgentFailedError(f"{error}, then resume", suspend=True) from None
    if is_new:
        # It writes to the terminal by default; that is for the embedding program to decide.
        client = logging.getLogger("fastmcp")
        client.handlers.clear()
        client.setLevel(logging.NOTSET)
        client.propagate = True
    return package
