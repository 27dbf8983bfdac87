"""Sections about a repository, shown to several roles that ask a model."""

from collections.abc import Iterable, Sequence

from recursor.agents.model.context import Item, PromptSection
from recursor.agents.model.prompt_sections import indented, numbered
from recursor.agents.scripted.wording import one_line
from recursor.agents.workspace.contents import WorkspaceContents
from recursor.domain.extras import needing
from recursor.domain.snapshot import Snapshot
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.workspace import CheckResult, CommitProposal

with needing("workspaces", "A workspace"):
    from recursor.workspaces.history import CommitSummary

# Files that tell whoever changes a repository how it is done there; the first that exists is shown.
GUIDES = ("AGENTS.md", "CLAUDE.md", "CONTRIBUTING.md")
READMES = ("README.md", "README.rst", "README.txt", "README")
# Bytes of one of them.
LONGEST_GUIDE = 60_000


async def guide(contents: WorkspaceContents, commit: str, names: Sequence[str], title: str) -> PromptSection:
    """Return the first of several files that exists at the top of a repository.

    Args:
        contents: the repository.
        commit: the version.
        names: the files.
        title: of the section.
    """
    for name in names:
        text = await contents.text(commit, name, LONGEST_GUIDE)
        if text and text.strip():
            return PromptSection(name, f"{title}, {name}", (Item(text),), share=0.1, cut=True)
    return PromptSection(names[0], title)


def open_todos(snapshot: Snapshot, todos: Sequence[Todo]) -> PromptSection:
    """Return todos, numbered from 1, with what they need, what they are about, and why attempts failed."""
    numbers = {todo.id: number for number, todo in enumerate(todos, 1)}
    statuses = {todo.id: todo.status for todo in snapshot.todos}
    queued = {proposal.todo_id for proposal in snapshot.proposals}

    def told(todo: Todo) -> str:
        facts = [f"priority {todo.priority}", todo.status.value]
        if todo.id in queued:
            facts[-1] = "its commit waits to be merged"
        for needed in todo.needs:
            if needed in numbers:
                facts.append(f"needs {numbers[needed]}")
            elif statuses.get(needed) is TodoStatus.CANCELLED:
                facts.append("needs a todo that was cancelled, so it can never be begun")
        if todo.paths:
            facts.append(f"about {', '.join(todo.paths[:10])}")
        text = f"({'; '.join(facts)}) {todo.content}"
        if todo.problem:
            text += f"\nFailed {todo.attempts} times, at last because: {_shortened(todo.problem)}"
        return text

    items = numbered((told(todo), todo.id) for todo in todos)
    return PromptSection("open todos", "Open todos, the most urgent first", items, share=0.3)


def closed_todos(snapshot: Snapshot) -> PromptSection:
    """Return completed and cancelled todos, newest first, with the reasons of those given up."""
    closed = sorted(
        (todo for todo in snapshot.todos if not todo.status.open),
        key=lambda todo: (todo.closed_at or 0.0, todo.id),
        reverse=True,
    )
    items = tuple(
        Item(
            f"- {todo.status}: {one_line(todo.content, 300)}"
            + (f" (because: {one_line(todo.problem, 300)})" if todo.problem else ""),
            todo.id,
        )
        for todo in closed
    )
    return PromptSection("closed todos", "Closed todos, the newest first", items, share=0.1)


def commits(
    found: Sequence[CommitSummary], title: str = "The newest commits, the newest first"
) -> PromptSection:
    """Return commits, with their authors and the reasons that they give."""
    items = tuple(
        Item(
            f"- {one_line(commit.title, 200)} ({one_line(commit.author, 80)}) "
            + one_line(commit.message.partition("\n")[2], 300)
        )
        for commit in found
    )
    return PromptSection("commits", title, items, share=0.1)


def files(lines: Sequence[str]) -> PromptSection:
    """Return the files of a commit."""
    return PromptSection("files", "The files", tuple(Item(line) for line in lines), share=0.2)


def checks(results: Iterable[CheckResult], title: str = "The checks of this version") -> PromptSection:
    """Return what checks said; those that failed first, with the end of their output."""
    ordered = sorted(results, key=lambda result: result.passed)
    return PromptSection("checks", title, tuple(Item(_told(each)) for each in ordered), share=0.15, cut=True)


def queue(proposals: Iterable[CommitProposal]) -> PromptSection:
    """Return the commits that wait to be merged."""
    items = tuple(Item(f"- {each.title}: {', '.join(each.paths[:10])}", each.id) for each in proposals)
    return PromptSection("queue", "Commits that wait to be merged", items, share=0.05)


def _shortened(text: str) -> str:
    """Return the beginning and the end of a reason: the cause of a failed check stands at its end."""
    return text if len(text) <= 800 else f"{text[:200]} [...] {text[-600:]}"


def _told(result: CheckResult) -> str:
    if result.passed:
        return f"- passed: {one_line(result.command, 200)}"
    return indented(
        f"- failed with exit status {result.status}: {one_line(result.command, 200)}\n{result.output}"
    )
