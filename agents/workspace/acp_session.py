"""One session with a coding agent: what it says and does, and what it may ask for."""

import asyncio
import io
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from recursor.agents.workspace.acp_permissions import Permission, chosen, rule_of
from recursor.agents.workspace.acp_wire import AcpWire
from recursor.agents.workspace.live_log import LiveLog
from recursor.agents.workspace.permission import ApprovalNeededError, check
from recursor.agents.workspace.working_tree import RunTree
from recursor.domain.approval import APPROVAL_DETAIL
from recursor.domain.effect import AskApproval
from recursor.domain.errors import RecursorError, in_one_line
from recursor.domain.extras import needing

with needing("acp", "A coding agent"):
    from acp import schema
    from acp.exceptions import RequestError
    from acp.meta import CLIENT_METHODS

with needing("workspaces", "A workspace"):
    from recursor.workspaces.tree_files import TreeFiles, TreePathError

T = TypeVar("T")
RequestT = TypeVar("RequestT", bound=BaseModel)

# Of what an agent says and does, what the trace keeps.
_LONGEST_MESSAGE, _LONGEST_LINE = 20_000, 200
_MOST_TOOL_CALLS_KEPT, _MOST_PLANNED, _MOST_REFUSED_KEPT = 200, 50, 20

# Beyond these, an agent goes in circles.
_MOST_PERMISSIONS, _MOST_TOOL_CALLS = 2_000, 20_000

# Bytes of a file that an agent reads or writes by way of Recursor: a message holds it whole.
_MOST_FILE_BYTES = 4 * 1024**2


@dataclass(slots=True)
class _ToolCall:
    title: str
    kind: str
    status: str

    @property
    def line(self) -> str:
        return f"{self.kind}: {self.title}"


@dataclass(slots=True)
class SessionLog:
    """What an agent has said and done."""

    live: LiveLog
    message: str = ""
    """The end of its last message."""
    message_id: str | None = None
    plan: tuple[str, ...] = ()
    """The entries of its plan, each with its status."""
    tool_calls: dict[str, _ToolCall] = field(default_factory=dict)
    """The last ones, by the agent's own ids."""
    called: int = 0
    """How many tool calls it has begun."""
    permissions: int = 0
    """How often it asked for permission."""
    refused: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_REFUSED_KEPT))
    """What it was not permitted, the last ones."""
    dollars: float | None = None
    """What the session has cost, if the agent says so in US dollars."""

    def say(self, text: str, message_id: str | None) -> None:
        """Take the next part of a message."""
        if message_id != self.message_id:
            self.message, self.message_id = "", message_id
        text = text.replace("\x00", "")
        self.message = (self.message + text)[-_LONGEST_MESSAGE:]
        self.live.add(text)

    def call(self, call: schema.ToolCall | schema.ToolCallUpdate) -> None:
        """Take what a tool call is, or how far it has come."""
        id_ = call.tool_call_id[:_LONGEST_LINE]
        known = self.tool_calls.get(id_)
        if known is None:
            self.called += 1
            known = self.tool_calls[id_] = _ToolCall("", call.kind or "other", call.status or "pending")
            if len(self.tool_calls) > _MOST_TOOL_CALLS_KEPT:
                del self.tool_calls[next(iter(self.tool_calls))]
            # What an agent says after a tool call is another message.
            self.message, self.message_id = "", None
        before = (known.title, known.status)
        known.title = one_line(call.title) if call.title else known.title
        known.kind = call.kind or known.kind
        known.status = call.status or known.status
        if before == (known.title, known.status):
            return
        if known.status in ("completed", "failed"):
            self.live.step(f"[{known.status}] {known.line}")
        elif before[0] != known.title:
            self.live.step(known.line)

    def refuse(self, line: str) -> None:
        """Note what it is not permitted."""
        self.refused.append(line)
        self.live.step(f"[not permitted] {line}")

    def take_plan(self, plan: schema.AgentPlanUpdate) -> None:
        """Take the agent's plan, in place of the one before."""
        self.plan = tuple(
            f"[{entry.status}] {one_line(entry.content)}" for entry in plan.entries[:_MOST_PLANNED]
        )
        self.live.step("\n".join(("plan:", *self.plan)))

    @property
    def metadata(self) -> Mapping[str, JsonValue]:
        """What the trace keeps of it."""
        kept: dict[str, JsonValue] = {
            "tool_calls": [f"[{call.status}] {call.line}" for call in self.tool_calls.values()],
            "tool_calls_in_all": self.called,
            "permissions_asked": self.permissions,
        }
        if self.plan:
            kept["plan"] = list(self.plan)
        if self.refused:
            kept["refused"] = list(self.refused)
        return kept


class AcpSession:
    """Answers an agent's requests, and notes what it reports."""

    def __init__(self, tree: RunTree, root: str, wire: AcpWire) -> None:
        """Serve one run.

        Args:
            tree: the working tree.
            root: where the agent sees it.
            wire: ends the conversation when the agent goes too far.
        """
        self._tree, self._root, self._wire = tree, root, wire
        limit = min(tree.run.settings.workspace.file_bytes, _MOST_FILE_BYTES)
        self._files = TreeFiles(tree.directory, limit)
        self._working: set[asyncio.Future[Any]] = set()
        self._used: set[str] = set()
        self.log = SessionLog(LiveLog(tree.run))
        self.question: AskApproval | None = None
        """What a person must decide before the agent can go on."""

    async def handle(self, method: str, params: JsonValue, is_notification: bool) -> JsonValue:
        """Handle a request or a notification of the agent; a `acp.connection.MethodHandler`.

        Raises:
            RequestError: the request is refused, with the reason for the agent.
        """
        if is_notification:
            if method == CLIENT_METHODS["session_update"]:
                self._note(params)
            return None
        if method == CLIENT_METHODS["session_request_permission"]:
            return _reply(self._permit(_parsed(schema.RequestPermissionRequest, params)))
        if method == CLIENT_METHODS["fs_read_text_file"]:
            return _reply(await self._read(_parsed(schema.ReadTextFileRequest, params)))
        if method == CLIENT_METHODS["fs_write_text_file"]:
            return _reply(await self._write(_parsed(schema.WriteTextFileRequest, params)))
        raise RequestError.method_not_found(method[:_LONGEST_LINE])

    async def finish(self) -> None:
        """Wait until the files that the agent has asked for are written."""
        if self._working:
            await asyncio.wait(self._working)

    def _note(self, params: JsonValue) -> None:
        try:
            update = schema.SessionNotification.model_validate(params).update
        except ValidationError:
            return  # of a later version of the protocol
        match update:
            case schema.AgentMessageChunk(content=schema.TextContentBlock(text=text)):
                self.log.say(text, update.message_id)
            case schema.ToolCallStart() | schema.ToolCallProgress():
                self.log.call(update)
                if self.log.called > _MOST_TOOL_CALLS:
                    self._wire.fail(f"it called tools more than {_MOST_TOOL_CALLS:,} times")
            case schema.AgentPlanUpdate():
                self.log.take_plan(update)
            case schema.UsageUpdate(cost=schema.Cost(amount=amount, currency="USD")) if amount > 0:
                # Agents that do not know a price report zero.
                self.log.dollars = amount

    def _permit(self, request: schema.RequestPermissionRequest) -> schema.RequestPermissionResponse:
        self.log.permissions += 1
        if self.log.permissions > _MOST_PERMISSIONS:
            self._wire.fail(f"it asked for permission more than {_MOST_PERMISSIONS:,} times")
        call = request.tool_call
        known = self.log.tool_calls.get(call.tool_call_id)
        permission = Permission(
            kind=call.kind or (known.kind if known else "other"),
            title=call.title or (known.title if known else ""),
            arguments=call.raw_input,
            within_tree=all(self._is_within(location.path) for location in call.locations or ()),
        )
        try:
            refusal = self._check(permission)
        except ApprovalNeededError as needed:
            detail = needed.request.detail[:APPROVAL_DETAIL]
            self.question = self.question or needed.request.but(detail=detail)
            self._wire.fail("it needs the approval of a person")
            return schema.RequestPermissionResponse(outcome=schema.DeniedOutcome(outcome="cancelled"))
        if refusal is not None:
            self.log.refuse(one_line(f"{permission.kind}: {permission.title}"))
        options = [(option.option_id, option.kind) for option in request.options]
        if (option := chosen(options, allowed=refusal is None)) is None:
            return schema.RequestPermissionResponse(outcome=schema.DeniedOutcome(outcome="cancelled"))
        outcome = schema.AllowedOutcome(outcome="selected", option_id=option)
        return schema.RequestPermissionResponse(outcome=outcome)

    def _check(self, permission: Permission) -> str | None:
        """Return why the agent may not do something; None if it may.

        Raises:
            ApprovalNeededError: a person must agree first.
        """
        run, wish = self._tree.run, permission.wish
        rule = rule_of(permission, run.settings.approve)
        if wish.detail in self._used:
            run = replace(run, granted=())
        refusal = check(run, wish, rule)
        if rule == "ask":
            self._used.add(wish.detail)
        return refusal

    def _is_within(self, path: str) -> bool:
        try:
            self._files.path(self._relative(path))
        except TreePathError:
            return False
        return True

    def _relative(self, path: str) -> str:
        # An agent without a sandbox may name the tree by its path without links.
        real = str(Path(self._root).resolve())
        return path.replace(real, self._root, 1) if path.startswith(real) else path

    async def _read(self, request: schema.ReadTextFileRequest) -> schema.ReadTextFileResponse:
        content = await self._on_disk(lambda: self._files.read(self._relative(request.path)))
        try:
            lines = list(io.StringIO(content.decode(), newline="\n"))
        except UnicodeDecodeError:
            raise RequestError(-32602, f"{one_line(request.path)}: is no text in UTF-8") from None
        first = max((request.line or 1) - 1, 0)
        last = None if request.limit is None else first + request.limit
        return schema.ReadTextFileResponse(content="".join(lines[first:last]))

    async def _write(self, request: schema.WriteTextFileRequest) -> schema.WriteTextFileResponse:
        content = request.content.encode()
        await self._on_disk(lambda: self._files.write(self._relative(request.path), content))
        return schema.WriteTextFileResponse()

    async def _on_disk(self, work: Callable[[], T]) -> T:
        working = asyncio.ensure_future(asyncio.to_thread(work))
        self._working.add(working)
        working.add_done_callback(self._working.discard)
        try:
            # A thread cannot be cancelled, and must have ended before the tree is read.
            return await asyncio.shield(working)
        except RecursorError as error:
            raise RequestError(-32002, str(error)) from None
        except OSError as error:
            raise RequestError(-32603, in_one_line(error)) from None


def _parsed(model: type[RequestT], params: JsonValue) -> RequestT:
    try:
        return model.model_validate(params)
    except ValidationError as error:
        raise RequestError(-32602, f"Invalid params: {in_one_line(error)}") from None


def _reply(model: BaseModel) -> JsonValue:
    reply: JsonValue = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return reply


def one_line(text: str) -> str:
    """Return what an agent says in one line that a record can hold, cut if it is long."""
    words = "".join(c if c.isprintable() else " " for c in text[: 4 * _LONGEST_LINE]).split()
    line = " ".join(words)
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 1] + "…"
