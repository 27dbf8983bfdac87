"""A builder that is a coding agent of its own, spoken with by the Agent Client Protocol."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from recursor import __version__
from recursor.agents.model.timing import uninterrupted
from recursor.agents.workspace.acp_programs import AgentProgram, ModelAccess, ModelFormat, found_program
from recursor.agents.workspace.acp_session import AcpSession, one_line
from recursor.agents.workspace.acp_wire import AcpError, AcpWire, Message
from recursor.agents.workspace.programs import network
from recursor.agents.workspace.working_tree import RunTree, sandbox_limits, working_tree
from recursor.domain.agent import Run
from recursor.domain.effect import Effect, FailTodo, Outcome, UpdateTodo
from recursor.domain.errors import in_one_line
from recursor.domain.extras import needing
from recursor.domain.graph import MAX_TOKENS, Usage
from recursor.domain.settings import SCRIPTED
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError, PriceUnknownError, Spend
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.workspace import TODO_PROBLEM

with needing("models", "A coding agent"):
    from recursor.agents.gateway.gateway import Gateway
    from recursor.agents.gateway.http import listening

with needing("acp", "A coding agent"):
    from acp import schema
    from acp.connection import Connection
    from acp.exceptions import RequestError
    from acp.meta import AGENT_METHODS, PROTOCOL_VERSION

with needing("workspaces", "A workspace"):
    from recursor.workspaces.errors import LimitExceededError
    from recursor.workspaces.sandbox import ProgramResult, Sandbox, SandboxError
    from recursor.workspaces.sandbox.bubblewrap import PORT, TREE

AnswerT = TypeVar("AnswerT", bound=BaseModel)

# Seconds in which an agent must have begun a session. Some load for long, on a busy machine longer.
_START_SECONDS = 120.0

# JSON-RPC's code for a request that needs a login, as the protocol has it.
_LOGIN_NEEDED = -32000

_LAST_WORDS = re.compile(r"^\W*(Title|Cannot|Nothing to change)\W*:\W*(.*)$", re.IGNORECASE | re.MULTILINE)

# Characters of an agent's last message that the trace keeps, and of what it printed that an error shows.
_LONGEST_THOUGHT, _LONGEST_PRINTED = 4_000, 200

# More than any session costs.
MAX_CREDIBLE_DOLLARS = 1e5


# What an agent is to do is in its message; what it may do is not said there, but held by the sandbox.
_PROMPT = """\
You are the builder of a team that works on the git repository in your working directory, {root}. Do this:

<task>
{todo}
</task>
{context}
Work in the working directory only, in the style of what is there. There is no network. Do not commit: the \
team commits what you leave in the directory, once the checks pass. Nobody can answer questions: decide \
yourself.

End your last message with one of these lines:
Title: what you changed, in the imperative, at most 72 characters
Cannot: why the task cannot be done
Nothing to change: why the task needs no change
"""


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a session ended."""

    session: AcpSession
    usage: Usage | None
    """As the agent reports it."""
    problem: str | None
    """Why its work cannot be used, if so."""


class AcpBuilder:
    """Works on a todo in a session with a coding agent, in the sandbox.

    The agent sees the working tree, and asks its model by way of the gateway: it has no key. What it does is
    shown while it works. The last line of its last message says what was done; the changed files are proposed
    as a commit.
    """

    def __init__(self, command: str, start_seconds: float = _START_SECONDS) -> None:
        """Run an agent.

        Args:
            command: the name of a known agent, or a program with its arguments.
            start_seconds: in which it must have begun a session.
        """
        self._command = command
        self._start_seconds = start_seconds

    async def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        """See `recursor.domain.agent.Agent.run`."""
        todo = next((todo for todo in snapshot.open_todos if todo.id == run.todo_id), None)
        workspace = snapshot.workspace
        if todo is None or workspace is None or workspace.tip is None:
            return Outcome()
        async with working_tree(snapshot, run, workspace.tip) as tree:
            program = await asyncio.to_thread(found_program, self._command, tree.repository_path.parent)
            work = _Work(tree, program, _prompt(snapshot, tree, todo), self._start_seconds)
            try:
                ended, usage = await _paid(run, work)
                return await _outcome(tree, todo, ended, usage)
            except SandboxError as error:
                raise AgentFailedError(str(error), suspend=True) from None
            except LimitExceededError as error:
                return _failed(todo, ended, usage, in_one_line(error))


@dataclass(frozen=True, slots=True)
class _Work:
    """A session that does one piece of work."""

    tree: RunTree
    program: AgentProgram
    prompt: str
    start_seconds: float

    async def session(self, environment: Mapping[str, str], socket: Path | None = None) -> _Ended:
        """Run the agent from its start to its end.

        Args:
            environment: what tells it of its model.
            socket: of the gateway.

        Raises:
            AgentFailedError: it cannot begin.
            SandboxError: the sandbox cannot be used.
        """
        settings = self.tree.run.settings
        sandboxed = settings.workspace.sandbox != "off"
        variables = {**self.program.asking, **environment}
        if sandboxed:
            variables["PATH"] = self.program.path
        problem: str | None
        async with (
            network(self.tree, has_gateway=socket is not None) as net,
            Sandbox(settings.workspace.sandbox).start(
                self.program.words,
                self.tree.directory,
                limits=sandbox_limits(settings.workspace, settings.limits.node_seconds),
                environment={**net.variables, **variables},
                readable=(self.tree.objects, *self.program.readable),
                socket=socket,
                proxy=net.proxy,
            ) as program,
        ):
            wire = AcpWire(program.stdout, program.stdin)
            session = AcpSession(self.tree, _root(self.tree), wire)
            connection = Connection(session.handle, wire)
            session_id, answer, problem = None, None, None
            try:
                session_id = await self._begun(connection, wire)
                answer = await self._answered(connection, session_id)
            except (AcpError, ConnectionError, RequestError) as error:
                problem = "" if isinstance(error, ConnectionError) else _explained(error)
            finally:
                if session_id is not None and answer is None:
                    wire.send_at_once(_cancelling(session_id))
                await connection.close()
                await session.finish()
        if problem is not None:
            problem = _why(problem, wire, program.result())
            if session_id is None:
                raise AgentFailedError(f"acp:{self.program.name} began no session: {problem}", lasts=True)
        elif answer is not None:
            problem = _REASONS.get(answer.stop_reason)
        return _Ended(session, _reported(session, answer), problem)

    async def _begun(self, connection: Connection, wire: AcpWire) -> str:
        """Begin a session; return its id."""
        name = f"acp:{self.program.name}"
        files = schema.FileSystemCapabilities(read_text_file=True, write_text_file=True)
        # Agents run commands themselves, in their sandbox, so they need no terminal.
        greeting = schema.InitializeRequest(
            protocol_version=PROTOCOL_VERSION,
            client_capabilities=schema.ClientCapabilities(fs=files, terminal=False),
            client_info=schema.Implementation(name="recursor", version=__version__),
        )
        beginning = schema.NewSessionRequest(cwd=_root(self.tree), mcp_servers=[])
        try:
            async with asyncio.timeout(self.start_seconds):
                greeted = await _ask(connection, "initialize", greeting, schema.InitializeResponse)
                if greeted.protocol_version != PROTOCOL_VERSION:
                    raise AgentFailedError(
                        f"{name} speaks version {greeted.protocol_version} of the Agent Client Protocol, and "
                        f"Recursor version {PROTOCOL_VERSION}: install another version of it",
                        suspend=True,
                    )
                begun = await _ask(connection, "session_new", beginning, schema.NewSessionResponse)
        except TimeoutError:
            wire.fail(f"it did not answer for {self.start_seconds:g} s")
            raise ConnectionError from None
        except RequestError as error:
            if error.code == _LOGIN_NEEDED:
                raise AgentFailedError(
                    f"{name} wants a login: set model.name, and it asks through the gateway without one, or "
                    "log in with its own program and set workspace.sandbox=off",
                    suspend=True,
                ) from None
            raise
        return begun.session_id

    async def _answered(self, connection: Connection, session_id: str) -> schema.PromptResponse:
        text = schema.TextContentBlock(type="text", text=self.prompt)
        request = schema.PromptRequest(session_id=session_id, prompt=[text])
        return await _ask(connection, "session_prompt", request, schema.PromptResponse)


async def _ask(connection: Connection, method: str, params: BaseModel, form: type[AnswerT]) -> AnswerT:
    """Return an agent's answer.

    Raises:
        AcpError: it has not the right form.
        ConnectionError: the conversation has ended.
        RequestError: the agent refuses.
    """
    request = params.model_dump(mode="json", by_alias=True, exclude_none=True)
    answer = await connection.send_request(AGENT_METHODS[method], request)
    try:
        return form.model_validate(answer)
    except ValidationError as error:
        raise AcpError(f"its answer to {AGENT_METHODS[method]} is wrong: {in_one_line(error)}") from None


async def _paid(run: Run, work: _Work) -> tuple[_Ended, Usage | None]:
    """Do the work, and count what it costs.

    Raises:
        AgentFailedError: it cannot be done, or not be counted.
        BudgetExceededError: a budget has too little left.
    """
    sandboxed = run.settings.workspace.sandbox != "off"
    if run.settings.model.of(run.role) != SCRIPTED:
        async with _gateway(run, work.tree, sandboxed=sandboxed) as (gateway, access, socket):
            try:
                ended = await gateway.guard(work.session(work.program.environment(access), socket))
            except AgentFailedError as error:
                error.usage = gateway.usage
                raise
            return ended, gateway.usage
    if not sandboxed:
        return await _on_own_account(run, work)
    if work.program.known is not None:
        raise AgentFailedError(
            f"acp:{work.program.name} needs a model: set model.name, such as model.name=openai:gpt-5-mini",
            suspend=True,
        )
    # It has no key: whatever it asks costs nothing.
    ended = await work.session({})
    return ended, ended.usage


@asynccontextmanager
async def _gateway(
    run: Run, tree: RunTree, *, sandboxed: bool
) -> AsyncIterator[tuple[Gateway, ModelAccess, Path | None]]:
    # Beside the tree, which is all that the agent sees of the run's directory.
    socket = tree.directory.with_name("gateway.sock") if sandboxed else None
    listener = listening(socket)
    port = PORT if socket is not None else listener.getsockname()[1]
    async with Gateway.opened(run, listener) as gateway:
        form: ModelFormat = "anthropic" if gateway.speaks_anthropic else "openai"
        yield gateway, ModelAccess(f"http://127.0.0.1:{port}", gateway.token, gateway.model, form), socket


async def _on_own_account(run: Run, work: _Work) -> tuple[_Ended, Usage | None]:
    """Do the work with the agent's own account: only what it reports of its cost is known, and at the end."""
    await run.meter.begin()
    try:
        # It may cost anything: it is refused where a budget in dollars applies, or is used up.
        reservation = await uninterrupted(run.meter.reserve(Spend(tokens=1, unpriced_tokens=1)))
    except PriceUnknownError as error:
        raise AgentFailedError(
            f"acp:{work.program.name} has an account of its own: {error}: set model.name, and it asks "
            "through the gateway, or limit tokens instead",
            suspend=True,
        ) from None
    spent: Spend | None = None
    try:
        ended = await work.session({})
        if (usage := ended.usage) is not None:
            spent = Spend(
                tokens=usage.tokens, dollars=usage.known_cost, unpriced_tokens=usage.unpriced_tokens
            )
        return ended, ended.usage
    finally:
        await uninterrupted(run.meter.settle(reservation, spent))


async def _outcome(tree: RunTree, todo: Todo, ended: _Ended, usage: Usage | None) -> Outcome:
    """Return what came of a session.

    Raises:
        LimitExceededError: what it changed is too large for a commit.
    """
    session = ended.session
    if session.question is not None:
        asked = f"Needs the approval of a person: {session.question.subject}"
        return _outcome_of(ended, usage, session.question, asked)
    said = session.log.message.strip()
    if ended.problem is not None:
        return _failed(todo, ended, usage, ended.problem)
    lines = _LAST_WORDS.findall(said)
    kind, words = lines[-1] if lines else ("", "")
    if kind.lower() == "cannot":
        return _failed(todo, ended, usage, words or "it cannot be done")
    title = one_line(words) if kind.lower() == "title" else ""
    proposal = await tree.propose(todo, title or todo.content, _LAST_WORDS.sub("", said))
    if proposal is not None:
        told = f"Proposed “{proposal.title}”: {proposal.files:,} files"
        return _outcome_of(ended, usage, proposal, told)
    if kind.lower() != "nothing to change":
        return _failed(todo, ended, usage, "it changed nothing, and did not say that nothing was needed")
    done = UpdateTodo(todo_id=todo.id, status=TodoStatus.COMPLETED)
    return _outcome_of(ended, usage, done, f"Nothing to change for “{todo.content[:120]}”: {words}")


def _failed(todo: Todo, ended: _Ended, usage: Usage | None, why: str) -> Outcome:
    log = ended.session.log
    parts = [why]
    if log.refused:
        parts.append("not permitted: " + "; ".join(log.refused))
    if log.message.strip():
        parts.append(f"its last message:\n{log.message.strip()[-_LONGEST_THOUGHT:]}")
    problem = "\n".join(parts).replace("\x00", "")[:TODO_PROBLEM]
    return _outcome_of(ended, usage, FailTodo(todo_id=todo.id, problem=problem), why)


def _outcome_of(ended: _Ended, usage: Usage | None, effect: Effect, summary: str) -> Outcome:
    log = ended.session.log
    said = log.message.strip()
    return Outcome(
        effects=(effect,),
        summary=summary,
        thoughts=(said[-_LONGEST_THOUGHT:],) if said else (),
        usage=usage,
        metadata=log.metadata,
    )


def _prompt(snapshot: Snapshot, tree: RunTree, todo: Todo) -> str:
    parts: list[str] = []
    if snapshot.idea is not None:
        parts.append(f"It is part of this project:\n\n<project>\n{snapshot.idea.idea}\n</project>")
    if todo.paths:
        parts.append(f"It is about these files and folders: {', '.join(todo.paths)}")
    if todo.problem:
        parts.append(f"An earlier try failed. Avoid its mistake:\n\n<problem>\n{todo.problem}\n</problem>")
    if checks := tree.run.settings.workspace.checks:
        commands = "\n".join(checks)
        parts.append(f"These commands must succeed afterwards; run them yourself:\n\n{commands}")
    context = "".join(f"\n{part}\n" for part in parts)
    return _PROMPT.format(root=_root(tree), todo=todo.content, context=context)


def _root(tree: RunTree) -> str:
    """Return where the agent sees the tree."""
    return TREE if tree.run.settings.workspace.sandbox != "off" else str(tree.directory)


def _reported(session: AcpSession, answer: schema.PromptResponse | None) -> Usage | None:
    """Return the usage that the agent reports."""
    if answer is None or (used := answer.usage) is None:
        return None
    given = used.input_tokens + (used.cached_read_tokens or 0) + (used.cached_write_tokens or 0)
    # Some count what was thought as part of the answer.
    made = max(used.output_tokens, used.total_tokens - given)
    dollars = session.log.dollars
    credible = dollars is not None and dollars < MAX_CREDIBLE_DOLLARS
    return Usage(
        input_tokens=min(given, MAX_TOKENS),
        output_tokens=min(made, MAX_TOKENS),
        cost=Decimal(str(dollars)) if credible else None,
    )


_REASONS = {
    "max_tokens": "its model's answer reached the limit of its length",
    "max_turn_requests": "it reached its own limit of calls of its model",
    "refusal": "it refused",
    "cancelled": "it says that its work was cancelled",
}


def _explained(error: Exception) -> str:
    return f"it failed: {one_line(str(error))}" if isinstance(error, RequestError) else str(error)


def _why(problem: str, wire: AcpWire, result: ProgramResult) -> str:
    """Return in one line why a conversation ended too early.

    Args:
        problem: what was wrong with an answer; empty if there was none.
        wire: knows whether the agent went too far.
        result: how its program ended.
    """
    if result.stopped_because is not None:
        problem = result.stopped_because
    elif wire.failure is not None:
        problem = str(wire.failure)
    printed = one_line(result.output[-_LONGEST_PRINTED:])
    problem = problem or f"it ended in the middle, with exit status {result.status}"
    return f"{problem} (it printed: {printed})" if printed else problem


def _cancelling(session_id: str) -> Message:
    params = schema.CancelNotification(session_id=session_id).model_dump(by_alias=True, exclude_none=True)
    return {"jsonrpc": "2.0", "method": AGENT_METHODS["session_cancel"], "params": params}
