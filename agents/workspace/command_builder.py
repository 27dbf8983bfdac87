"""A builder that runs a program of the user's: no model."""

import json

from recursor.agents.workspace.live_log import LiveLog
from recursor.agents.workspace.permission import ApprovalNeededError, Wish, check
from recursor.agents.workspace.programs import run_program
from recursor.agents.workspace.working_tree import RunTree, working_tree
from recursor.domain.agent import Run
from recursor.domain.effect import FailTodo, Outcome, UpdateTodo
from recursor.domain.errors import in_one_line
from recursor.domain.extras import needing
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.workspace import TODO_PROBLEM

with needing("workspaces", "A workspace"):
    from recursor.workspaces.errors import LimitExceededError
    from recursor.workspaces.sandbox import ProgramResult, SandboxError


class CommandBuilder:
    """Runs a command for a todo, in the sandbox. Its exit status and the changed files are the outcome.

    The command runs in the working tree. The todo is in the variables RECURSOR_TODO, RECURSOR_TODO_ID,
    RECURSOR_ROLE and RECURSOR_STACK, and with everything else as JSON on its standard input. With exit status
    0 the changed files are proposed as a commit; if there are none, the todo counts as completed. With any
    other status the attempt has failed, and the end of the output is the reason.
    """

    def __init__(self, command: str) -> None:
        """Run `command`, a line for `sh`."""
        self._command = command

    async def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        """See `recursor.domain.agent.Agent.run`."""
        todo = next((todo for todo in snapshot.open_todos if todo.id == run.todo_id), None)
        workspace = snapshot.workspace
        if todo is None or workspace is None or workspace.tip is None:
            return Outcome()
        wish = Wish("run", f"run `{self._command}`", f"{self._command}\n{todo.content}", why=todo.content)
        try:
            refusal = check(run, wish, run.settings.approve.run)
        except ApprovalNeededError as needed:
            return Outcome(effects=(needed.request,), summary=f"Asked whether to {needed}")
        if refusal is not None:
            raise AgentFailedError(f"{refusal}: set approve.run, or another agent", suspend=True)
        async with working_tree(snapshot, run, workspace.tip) as tree:
            try:
                ended = await self._run(snapshot, tree, todo)
                if not ended.succeeded:
                    return _failed(todo, ended)
                proposal = await tree.propose(todo, todo.content, f"Made by `{self._command}`.")
            except SandboxError as error:
                raise AgentFailedError(str(error), suspend=True) from None
            except LimitExceededError as error:
                return Outcome(effects=(FailTodo(todo_id=todo.id, problem=in_one_line(error)),))
        output = ended.output.strip()
        if proposal is None:
            done = UpdateTodo(todo_id=todo.id, status=TodoStatus.COMPLETED)
            return Outcome(effects=(done,), summary=f"Nothing to change for “{todo.content[:120]}”")
        return Outcome(
            effects=(proposal,),
            summary=f"Proposed “{proposal.title}”: {proposal.files:,} files",
            thoughts=(output[-1_000:],) if output else (),
        )

    async def _run(self, snapshot: Snapshot, tree: RunTree, todo: Todo) -> ProgramResult:
        run, idea = tree.run, snapshot.idea
        context = {
            "todo": todo.model_dump(mode="json"),
            "idea": None if idea is None else idea.model_dump(mode="json"),
            "stack": {"id": snapshot.stack.id, "name": snapshot.stack.name},
            "cycle": run.execution_id,
            "attempt": todo.attempts + 1,
        }
        return await run_program(
            tree,
            self._command,
            run.settings.limits.node_seconds,
            environment={
                "RECURSOR_TODO": todo.content,
                "RECURSOR_TODO_ID": todo.id,
                "RECURSOR_ROLE": run.role,
                "RECURSOR_STACK": snapshot.stack.name,
            },
            stdin=json.dumps(context).encode(),
            on_output=LiveLog(run).add,
        )


def _failed(todo: Todo, ended: ProgramResult) -> Outcome:
    why = f"the command ended with exit status {ended.status}"
    if ended.stopped_because is not None:
        why = f"the command was stopped: {ended.stopped_because}"
    problem = f"{why}\n{ended.output[-TODO_PROBLEM // 2 :]}".strip()
    return Outcome(effects=(FailTodo(todo_id=todo.id, problem=problem),), summary=why)
