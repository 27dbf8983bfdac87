"""The tools with which a model works in a working tree.

They are the same objects for all runs, so that pydantic-ai's agents are made once; each call goes to the
`Toolbox` of the run whose task it is. A tool that cannot do what it is asked for says so in its result: a
model's mistake ends no run.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from pydantic import JsonValue
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelRequestPart, ToolReturnPart
from pydantic_ai.tools import Tool

from recursor.agents.model.edits import Edit, problem_with
from recursor.agents.model.exchange import exchange_of
from recursor.agents.scripted.wording import one_line
from recursor.agents.workspace.checks import TIDY, run_checks
from recursor.agents.workspace.live_log import LiveLog
from recursor.agents.workspace.permission import ApprovalNeededError, Wish, check
from recursor.agents.workspace.programs import run_program
from recursor.agents.workspace.working_tree import RunTree
from recursor.domain.effect import AskApproval
from recursor.domain.errors import RecursorError
from recursor.domain.extras import needing
from recursor.domain.spending import AgentFailedError
from recursor.domain.workspace import CheckResult

with needing("workspaces", "A workspace"):
    from recursor.workspaces.outline import outline
    from recursor.workspaces.sandbox import ProgramResult, SandboxError
    from recursor.workspaces.tree_files import TreeFiles

# Calls per request that the model may make: it may ask for several at once, but not for any number.
CALLS_PER_TURN = 5
# Lines of a list of files, and of what a search finds.
MOST_LISTED, MOST_FOUND = 300, 100
# Lines of a file that are shown unless the model asks for another number, and characters of one of them.
LINES, LONGEST_LINE = 500, 2_000
# Bytes of a line that a search finds, with the name of its file.
LONGEST_FOUND = 240
# Characters of one result.
LONGEST_RESULT = 20_000
# Of a long output, the share of its beginning: errors stand at its end.
HEAD_SHARE = 0.25
# Calls whose arguments and results the trace has: the first and the last ones. The others are counted.
MOST_TRACED = 100
# Characters of the arguments and of the result of one call in the trace.
LONGEST_ARGUMENTS, LONGEST_TRACED = 300, 400
# Seconds before its deadline at which a run no longer begins a command.
SPARE_SECONDS = 20.0
# Seconds of a search.
SEARCH_SECONDS = 30.0
# Shorter results are not worth leaving out of a long conversation.
LEAST_LEFT_OUT = 300
# The newest messages of a conversation, which are never shortened.
KEPT_MESSAGES = 4
# Of the room for a conversation, the share that is used after it was shortened. Each time, a provider's cache
# of the conversation is lost: so it should be seldom.
SHORTENED_SHARE = 0.5

RUN = "run_command"
LEFT_OUT = "[left out to save room: call the tool again if you need it]"

# The result is the beginning of what is found: what a program prints is kept at its end.
_SEARCH = (
    'grep -rnIE --exclude-dir=.git --include="$3" -e "$1" -- "$2" 2>&1 '
    f"| cut -b 1-{LONGEST_FOUND} | head -n {MOST_FOUND + 1}"
)
_NOTHING_FOUND = "Nothing found."


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool, for the trace."""

    tool: str
    arguments: str
    result: str
    seconds: float


@dataclass(slots=True)
class Toolbox:
    """The tools of one run: its working tree, its limits, and the calls so far."""

    tree: RunTree
    files: TreeFiles = field(init=False)
    log: LiveLog = field(init=False)
    room: int | None = None
    """The bytes that the conversation may take; None: any."""
    calls: int = 0
    refused: int = 0
    """Calls beyond the limit."""
    requests: int = 0
    """Requests to the model so far."""
    has_bad_answer: bool = False
    """Whether the model's last answer about the todo was no good."""
    asked: AskApproval | None = None
    """What a person must agree to before the run can go on."""
    _used: list[Wish] = field(default_factory=list)
    _traced: list[ToolCall] = field(default_factory=list)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.files = TreeFiles(self.tree.directory, self.tree.run.settings.workspace.file_bytes)
        self.log = LiveLog(self.tree.run)

    @property
    def most_calls(self) -> int:
        """The most calls of the run."""
        return self.tree.run.settings.workspace.turns * CALLS_PER_TURN

    @property
    def is_exhausted(self) -> bool:
        """Whether the run has used up its requests, its calls or its time."""
        run = self.tree.run
        return (
            self.requests >= run.settings.workspace.turns
            or self.refused > self.most_calls
            or exchange_of(run).clock.now() >= run.deadline - SPARE_SECONDS
        )

    async def call(
        self, tool: str, arguments: dict[str, JsonValue], work: Callable[[], Awaitable[str]]
    ) -> str:
        """Call a tool; calls are made one at a time, in the order in which the model made them.

        Args:
            tool: its name.
            arguments: what the model gave.
            work: returns the result.

        Raises:
            AgentFailedError: the model makes more calls than any work needs, the sandbox cannot be used, or
                a person must be asked first.
        """
        async with self._lock:
            if self.calls >= self.most_calls:
                return self._refused()
            self.calls += 1
            exchange = exchange_of(self.tree.run)
            told = json.dumps(arguments, ensure_ascii=False)
            if (refusal := self._refusal(tool, arguments, told)) is not None:
                return refusal
            self.log.step(f"> {tool} {one_line(told, 200)}")
            began = exchange.clock.now()
            try:
                result = await work()
            except SandboxError as error:
                raise AgentFailedError(str(error), suspend=True) from None
            except AgentFailedError:
                raise
            except RecursorError as error:
                result = f"Error: {error}"
            result = exchange.keys.scrubbed(_cut(result, LONGEST_RESULT, HEAD_SHARE))
            self.log.step(one_line(result, 200))
            self._trace(
                ToolCall(
                    tool,
                    _cut(told, LONGEST_ARGUMENTS),
                    _cut(result, LONGEST_TRACED),
                    round(exchange.clock.now() - began, 3),
                )
            )
            return result

    def _refusal(self, tool: str, arguments: dict[str, JsonValue], told: str) -> str | None:
        """Return why a call is not allowed, or None.

        Raises:
            AgentFailedError: a person must be asked.
        """
        approve = self.tree.run.settings.approve
        is_command = tool == RUN
        rule = approve.tools.get(tool, approve.run if is_command else "allow")
        subject = f"run `{arguments['command']}`" if is_command else f"{tool} {told}"
        wish = Wish("run" if is_command else "tool", one_line(subject, 200), f"{tool} {told}")
        run = self.tree.run
        if rule == "ask":
            if wish in self._used:
                # An approval holds for one call.
                run = replace(run, granted=())
            self._used.append(wish)
        try:
            refusal = check(run, wish, rule)
        except ApprovalNeededError as needed:
            self.asked = needed.request
            raise AgentFailedError(f"a person must agree first: {needed}") from None
        return None if refusal is None else f"Error: {refusal}: do without it"

    def _refused(self) -> str:
        self.refused += 1
        if self.refused > self.most_calls:
            raise AgentFailedError(f"the model went on calling tools after {self.most_calls:,} calls")
        return f"Error: {self.most_calls:,} calls were made, and no more are allowed: give your answer now"

    def _trace(self, call: ToolCall) -> None:
        self._traced.append(call)
        if len(self._traced) > MOST_TRACED:
            del self._traced[MOST_TRACED // 2]

    def metadata(self) -> dict[str, JsonValue]:
        """Return the calls for the trace."""
        traced: list[JsonValue] = [
            {
                "tool": call.tool,
                "arguments": call.arguments,
                "result": call.result,
                "seconds": call.seconds,
            }
            for call in self._traced
        ]
        return {"tool_calls": self.calls, "tools": traced}

    def shortened(self, messages: list[ModelMessage]) -> list[ModelMessage]:
        """Return a conversation without its oldest results, if it takes more than its room.

        It is called before each request.
        """
        self.requests += 1
        if self.room is None:
            return messages
        size = sum(map(_size, messages))
        if size <= self.room:
            return messages
        excess = size - int(self.room * SHORTENED_SHARE)
        made: list[ModelMessage] = []
        for number, message in enumerate(messages):
            if excess > 0 and number < len(messages) - KEPT_MESSAGES and isinstance(message, ModelRequest):
                shorter = replace(message, parts=[_shorter(part) for part in message.parts])
                excess -= _size(message) - _size(shorter)
                made.append(shorter)
            else:
                made.append(message)
        return made

    async def list_files(self, path: str) -> str:
        """See the tool."""

        def listed() -> str:
            top = self.files.path(path)
            return "\n".join(outline(self.files.directory, top, MOST_LISTED)) or "Nothing is there."

        return await asyncio.to_thread(listed)

    async def search(self, pattern: str, path: str, include: str) -> str:
        """See the tool."""
        top = await asyncio.to_thread(self._existing, path)
        ended = await self._run(("/bin/sh", "-c", _SEARCH, "sh", pattern, top, include), SEARCH_SECONDS)
        if ended.stopped_because is not None:
            return f"Error: the search was stopped: {ended.stopped_because}: search in fewer files"
        lines = [line.removeprefix("./") for line in ended.output.splitlines()]
        more = ["(more lines are left out: search for something rarer, or in fewer files)"]
        return "\n".join([*lines[:MOST_FOUND], *(more if len(lines) > MOST_FOUND else ())]) or _NOTHING_FOUND

    async def read(self, path: str, start_line: int, lines: int) -> str:
        """See the tool."""

        def shown() -> str:
            content = self.files.read(path)
            if (text := _text(content)) is None:
                return f"{path}: {len(content):,} bytes that are no text"
            return _window(text, max(start_line, 1), max(lines, 1))

        return await asyncio.to_thread(shown)

    async def edit(self, path: str, search: str, put: str) -> str:
        """See the tool."""

        def change() -> str:
            content = self.files.read(path)
            try:
                before = content.decode()
            except UnicodeDecodeError:
                return f"Error: {path}: not UTF-8: change it with a command"
            edit = Edit(search, put)
            if "\r\n" in before and "\r" not in search:
                # Models do not write the line ends that they are not shown.
                edit = Edit(search.replace("\n", "\r\n"), put.replace("\r", "").replace("\n", "\r\n"))
            if problem := problem_with(before, edit, "file"):
                return f"Error: {path}: {problem}"
            self.files.write(path, before.replace(edit.search, edit.replace).encode())
            line = before[: before.index(edit.search)].count("\n") + 1
            return f"Changed {path} at line {line:,}."

        return await asyncio.to_thread(change)

    async def write(self, path: str, content: str) -> str:
        """See the tool."""
        is_new = await asyncio.to_thread(self.files.write, path, content.encode("utf-8", "replace"))
        return f"{'Wrote' if is_new else 'Replaced'} {path}: {content.count(chr(10)):,} lines."

    async def delete(self, path: str) -> str:
        """See the tool."""
        await asyncio.to_thread(self.files.remove, path)
        return f"Deleted {path}."

    async def move(self, source: str, target: str) -> str:
        """See the tool."""
        await asyncio.to_thread(self.files.move, source, target)
        return f"Moved {source} to {target}."

    async def command(self, command: str, seconds: float | None) -> str:
        """See the tool."""
        settings = self.tree.run.settings.workspace
        longest = settings.command_seconds if seconds is None else min(seconds, settings.command_seconds)
        ended = await self._run(command, max(longest, 1.0))
        stopped = "" if ended.stopped_because is None else f", stopped: {ended.stopped_because}"
        return f"Exit status {ended.status} after {ended.seconds:.1f} s{stopped}.\n{ended.output}"

    async def checks(self) -> str:
        """See the tool."""
        commands = self.tree.run.settings.workspace.checks
        if not commands:
            return "There are no checks."
        self._time_left()
        results = await run_checks(self.tree, self.log)
        told = "\n".join(map(_told, results))
        left = len(commands) - len(results)
        return told + (f"\n{left} more were not run." if left else "")

    async def _run(self, command: str | tuple[str, ...], seconds: float) -> ProgramResult:
        return await run_program(
            self.tree,
            command,
            min(seconds, self._time_left()),
            environment=TIDY,
            on_output=self.log.add,
        )

    def _time_left(self) -> float:
        run = self.tree.run
        left = run.deadline - exchange_of(run).clock.now() - SPARE_SECONDS
        if left <= 0:
            raise _OutOfTimeError("there is no time left for this: give your answer now")
        return left

    def _existing(self, path: str) -> str:
        self.files.kind(path)
        return f"./{self.files.path(path)}"


class _OutOfTimeError(RecursorError):
    """The run is about to end."""


TOOLBOX: ContextVar[Toolbox] = ContextVar("recursor_toolbox")
"""The tools of the running task."""


async def list_files(path: str = ".") -> str:
    """List the files in a directory and below it.

    Args:
        path: The directory, from the top of the repository, such as "src/web".
    """
    box = TOOLBOX.get()
    return await box.call("list_files", {"path": path}, lambda: box.list_files(path))


async def search_files(pattern: str, path: str = ".", include: str = "*") -> str:
    """Find the lines that match a regular expression; the result has the file, line number and text of each.

    Args:
        pattern: An extended regular expression, as of `grep -E`; case matters.
        path: The file, or the directory in and below which to search.
        include: Only files with such names, such as "*.py".
    """
    box = TOOLBOX.get()
    given: dict[str, JsonValue] = {"pattern": pattern, "path": path, "include": include}
    return await box.call("search_files", given, lambda: box.search(pattern, path, include))


async def read_file(path: str, start_line: int = 1, lines: int = LINES) -> str:
    """Read a text file, or a part of it.

    Args:
        path: The file, from the top of the repository.
        start_line: The first line to read, from 1.
        lines: How many lines to read.
    """
    box = TOOLBOX.get()
    given: dict[str, JsonValue] = {"path": path, "start_line": start_line, "lines": lines}
    return await box.call("read_file", given, lambda: box.read(path, start_line, lines))


async def edit_file(path: str, search: str, replace: str) -> str:
    """Replace a text in a file. Read the file first.

    Args:
        path: The file, from the top of the repository.
        search: The text to replace, copied exactly from the file, white space included. It must occur exactly
            once: take in as many lines as that needs.
        replace: What stands there afterwards.
    """
    box = TOOLBOX.get()
    given: dict[str, JsonValue] = {"path": path, "search": search, "replace": replace}
    return await box.call("edit_file", given, lambda: box.edit(path, search, replace))


async def write_file(path: str, content: str) -> str:
    """Write a whole file: a new one, or in place of an old one. Directories are made as needed.

    Args:
        path: The file, from the top of the repository.
        content: All of it, with nothing left out.
    """
    box = TOOLBOX.get()
    given: dict[str, JsonValue] = {"path": path, "content": content}
    return await box.call("write_file", given, lambda: box.write(path, content))


async def delete_file(path: str) -> str:
    """Delete a file, or a directory with all that is in it.

    Args:
        path: The file or directory, from the top of the repository.
    """
    box = TOOLBOX.get()
    return await box.call("delete_file", {"path": path}, lambda: box.delete(path))


async def move_file(source: str, target: str) -> str:
    """Move or rename a file or a directory.

    Args:
        source: Its path.
        target: Its new path, where nothing may be yet.
    """
    box = TOOLBOX.get()
    given: dict[str, JsonValue] = {"source": source, "target": target}
    return await box.call("move_file", given, lambda: box.move(source, target))


async def run_command(command: str, seconds: float | None = None) -> str:
    """Run a command at the top of the repository, without network and without input; returns its output.

    Args:
        command: A line for `sh`.
        seconds: How long it may take, if less than usual.
    """
    box = TOOLBOX.get()
    given: dict[str, JsonValue] = {"command": command, "seconds": seconds}
    return await box.call(RUN, given, lambda: box.command(command, seconds))


async def run_checks_now() -> str:
    """Run the team's checks on your files as they are now."""
    box = TOOLBOX.get()
    return await box.call("run_checks", {}, box.checks)


def _tool(function: Callable[..., Awaitable[str]], name: str | None = None) -> Tool[None]:
    # Wrong arguments are told to the model more often than a wrong answer: it makes many calls.
    return Tool(function, name=name, max_retries=5, docstring_format="google")


WRITING_TOOLS = (
    _tool(list_files),
    _tool(search_files),
    _tool(read_file),
    _tool(edit_file),
    _tool(write_file),
    _tool(delete_file),
    _tool(move_file),
    _tool(run_command),
    _tool(run_checks_now, "run_checks"),
)
"""For a model that changes files."""


def _told(result: CheckResult) -> str:
    if result.passed:
        return f"`{result.command}`: passed after {result.seconds:.1f} s."
    return f"`{result.command}`: failed with exit status {result.status}:\n{result.output}"


def _text(content: bytes) -> str | None:
    """Return a file's text, or None if it is binary."""
    return None if b"\0" in content[:8_000] else content.decode(errors="replace")


def _window(text: str, start: int, count: int) -> str:
    """Return lines of a text, after a line that says which ones they are."""
    if not text:
        return "The file is empty."
    # Other characters that Python takes for line ends are none for an edit.
    lines = text.removesuffix("\n").replace("\r\n", "\n").split("\n")
    if start > len(lines):
        return f"Error: the file has only {len(lines):,} lines"
    shown: list[str] = []
    room = LONGEST_RESULT - 200
    for line in lines[start - 1 : start - 1 + count]:
        cut = line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}[... {len(line):,} characters]"
        room -= len(cut) + 1
        if room < 0 and shown:
            break
        shown.append(cut)
    last = start + len(shown) - 1
    told = f"[lines {start:,} to {last:,} of {len(lines):,}]\n" if len(shown) < len(lines) else ""
    return told + "\n".join(shown)


def _cut(text: str, longest: int, head_share: float = 0.7) -> str:
    if len(text) <= longest:
        return text
    head = int(longest * head_share)
    tail = longest - head
    return f"{text[:head]}\n[... {len(text) - longest:,} characters are left out ...]\n{text[-tail:]}"


def _size(message: ModelMessage) -> int:
    """Return the characters of a message that a provider is sent."""
    size = 0
    for part in message.parts:
        content = getattr(part, "content", None) or getattr(part, "args", None) or ""
        size += len(content if isinstance(content, str) else json.dumps(content, default=str))
    return size


def _shorter(part: ModelRequestPart) -> ModelRequestPart:
    if isinstance(part, ToolReturnPart) and len(str(part.content)) > LEAST_LEFT_OUT:
        return ToolReturnPart(
            tool_name=part.tool_name,
            content=LEFT_OUT,
            tool_call_id=part.tool_call_id,
            timestamp=part.timestamp,
        )
    return part
