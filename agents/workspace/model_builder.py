"""The builder that asks a model, and gives it tools for a working tree."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field, JsonValue
from pydantic_ai.messages import ModelMessage

from recursor.agents.model import prompt_sections
from recursor.agents.model.answer import Answer, Passage, Sentence, insist
from recursor.agents.model.context import Context, Item, PromptSection, fit
from recursor.agents.model.role import ModelRole, Task
from recursor.agents.scripted.wording import one_line
from recursor.agents.workspace import sections
from recursor.agents.workspace.contents import WorkspaceContents
from recursor.agents.workspace.tools import TOOLBOX, WRITING_TOOLS, Toolbox
from recursor.agents.workspace.working_tree import working_tree
from recursor.domain.agent import Run
from recursor.domain.effect import Effect, FailTodo, Outcome, ProposeCommit, UpdateTodo
from recursor.domain.extras import needing
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.workspace import TODO_PROBLEM, Workspace

with needing("workspaces", "A workspace"):
    from recursor.workspaces.errors import CommitMissingError, RepositoryError

# Of the room for the conversation, the share of the first question; the rest is for the tools.
QUESTION_SHARE = 0.4
# Bytes of an earlier attempt that is shown.
LONGEST_ATTEMPT = 60_000
# Characters of a commit's title.
LONGEST_TITLE = 72


class CommitAnswer(Answer):
    """The builder's answer when its work on a todo is over."""

    result: Literal["done", "not_needed", "cannot"] = Field(
        description="Whether the todo is done, needs no change, or cannot be done."
    )
    title: Sentence = Field(
        default="", description="If done: the commit's title, at most 72 characters, such as “Sort the list”."
    )
    why: Passage = Field(
        default="",
        max_length=8_000,
        description="If done: what was changed and why, for who reads the history. Otherwise the reason.",
    )


class WorkspaceBuilder(ModelRole[CommitAnswer]):
    """Does one todo in a working tree of its own, and proposes a commit."""

    prompt = "workspace-builder"
    tools = WRITING_TOOLS

    async def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        """See `recursor.domain.agent.Agent.run`."""
        todo = next((todo for todo in snapshot.open_todos if todo.id == run.todo_id), None)
        workspace = snapshot.workspace
        if todo is None or workspace is None or workspace.tip is None:
            return Outcome()
        try:
            async with working_tree(snapshot, run, workspace.tip) as tree:
                toolbox = Toolbox(tree)
                TOOLBOX.set(toolbox)
                told = replace(run, say=toolbox.log.ahead_of)
                try:
                    return await super().run(snapshot, told)
                except AgentFailedError as error:
                    outcome = _outcome_without_answer(todo, toolbox, error)
                    if outcome is None:
                        raise
                    return outcome
        except RepositoryError as error:
            raise AgentFailedError(str(error)) from None

    async def task(self, snapshot: Snapshot, run: Run) -> Task[CommitAnswer] | Outcome:
        """See `ModelRole.task`."""
        todo = next(todo for todo in snapshot.open_todos if todo.id == run.todo_id)
        workspace = snapshot.workspace
        assert workspace is not None
        toolbox = TOOLBOX.get()
        tip, contents = toolbox.tree.commit, WorkspaceContents(snapshot, run)
        shown = [
            await sections.guide(contents, tip, sections.GUIDES, "The guide for those who change the files"),
            await _attempt(contents, todo),
            sections.files(await contents.files(tip)),
        ]
        return CommitTask(snapshot, run, todo, workspace, toolbox, shown)


class CommitTask(Task[CommitAnswer]):
    """One todo."""

    output = CommitAnswer

    def __init__(
        self,
        snapshot: Snapshot,
        run: Run,
        todo: Todo,
        workspace: Workspace,
        toolbox: Toolbox,
        shown: Sequence[PromptSection],
    ) -> None:
        super().__init__(snapshot, run)
        self.turns = run.settings.workspace.turns
        self._todo = todo
        self._workspace = workspace
        self._toolbox = toolbox
        self._shown = shown
        self._proposal: ProposeCommit | None = None

    def values(self) -> dict[str, object]:
        """See `Task.values`."""
        settings = self.run.settings.workspace
        return {
            "has_problem": bool(self._todo.problem),
            "checks": list(settings.checks),
            "command_seconds": settings.command_seconds,
            "turns": self.turns,
        }

    def sections(self) -> Sequence[PromptSection]:
        """See `Task.sections`."""
        snapshot, todo = self.snapshot, self._todo
        problem = (Item(todo.problem),) if todo.problem else ()
        about = tuple(Item(path) for path in todo.paths)
        others = [other for other in snapshot.open_todos if other.id != todo.id]
        failed = [result for result in self._workspace.checks if not result.passed]
        return (
            PromptSection("todo", "Your todo", (Item(todo.content, todo.id),), cut=True),
            PromptSection("problem", "Why the last attempt at it failed", problem, share=0.2, cut=True),
            PromptSection("paths", "The files that it is about", about, share=0.05),
            prompt_sections.idea(snapshot),
            *self._shown,
            sections.checks(failed, "Checks that this version does not pass"),
            prompt_sections.open_todos(others, "Open todos that are not yours"),
            prompt_sections.memory(snapshot, self.run.role),
        )

    def fitted(self, sections: Sequence[PromptSection], room: int) -> Context:
        """See `Task.fitted`. The room that the question leaves is for the conversation."""
        context = fit(sections, int(room * QUESTION_SHARE))
        self._toolbox.room = room
        return context

    def shortened(self, messages: list[ModelMessage]) -> list[ModelMessage]:
        """See `Task.shortened`."""
        return self._toolbox.shortened(messages)

    def check(self, answer: CommitAnswer) -> CommitAnswer:
        """See `Task.check`. The commit is made here, so that the model learns what is wrong with it."""
        problem = self._problem(answer)
        self._toolbox.has_bad_answer = problem is not None
        insist([] if problem is None else [problem])
        return answer

    def _problem(self, answer: CommitAnswer) -> str | None:
        if answer.result != "done":
            return None if answer.why else "Give the reason in why."
        if not answer.title:
            return "Give the title of the commit."
        title = one_line(answer.title, LONGEST_TITLE)
        why = answer.why or answer.summary
        try:
            self._proposal = self._toolbox.tree.propose_blocking(self._todo, title, why)
        except RepositoryError as error:
            return f"The files cannot be committed: {error}. Put that right with your tools."
        if self._proposal is None:
            return (
                "No file is changed. Change the files with your tools; if nothing has to be changed, answer "
                "not_needed; if it cannot be done, answer cannot."
            )
        return None

    def effects(self, answer: CommitAnswer) -> Sequence[Effect]:
        """See `Task.effects`. What a model cannot do is cancelled, with the reason for the planner."""
        todo_id = self._todo.id
        if answer.result == "done":
            assert self._proposal is not None
            return (self._proposal,)
        if answer.result == "not_needed":
            return (UpdateTodo(todo_id=todo_id, status=TodoStatus.COMPLETED),)
        return (
            FailTodo(todo_id=todo_id, problem=answer.why[:TODO_PROBLEM]),
            UpdateTodo(todo_id=todo_id, status=TodoStatus.CANCELLED),
        )

    def thoughts(self, answer: CommitAnswer) -> Sequence[str]:
        """See `Task.thoughts`."""
        reason = f"{answer.result}: {one_line(answer.why, 400)}"
        return [*([] if answer.result == "done" else [reason]), *answer.thoughts]

    def metadata(self) -> Mapping[str, JsonValue]:
        """See `Task.metadata`."""
        return self._toolbox.metadata()


async def _attempt(contents: WorkspaceContents, todo: Todo) -> PromptSection:
    """Return the difference of the last commit for a todo that was tried before."""
    title = "Your last attempt, which is not in the files"
    attempt = None if todo.attempts == 0 else await contents.attempt_at(todo.id)
    if attempt is None or not attempt.parents:
        return PromptSection("attempt", title)
    try:
        difference = await contents.difference(attempt.parents[0], attempt.commit, LONGEST_ATTEMPT)
    except CommitMissingError:
        return PromptSection("attempt", title)
    return PromptSection("attempt", title, (Item(difference.text),), share=0.2, cut=True)


def _outcome_without_answer(todo: Todo, toolbox: Toolbox, error: AgentFailedError) -> Outcome | None:
    """Return the outcome of a run whose failure concerns its todo, or None: then the run has failed."""
    run = toolbox.tree.run
    if run.cancelled.is_set() or error.suspend or error.passes:
        return None
    if toolbox.asked is not None:
        effect: Effect = toolbox.asked
        summary = f"Waits for approval: {toolbox.asked.subject}"
    elif toolbox.is_exhausted or toolbox.has_bad_answer:
        effect = FailTodo(todo_id=todo.id, problem=str(error))
        summary = f"Gave up: {error}"
    else:
        return None
    return Outcome(effects=(effect,), summary=summary, usage=error.usage, metadata=toolbox.metadata())
