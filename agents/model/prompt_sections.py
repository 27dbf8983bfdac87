"""Sections shown to several roles: idea, todos, memory, the outline of the page."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from recursor.agents.model.context import Item, PromptSection
from recursor.agents.scripted.wording import one_line
from recursor.domain.agent import Run
from recursor.domain.snapshot import Snapshot
from recursor.domain.todo import Todo

# Headings of a page shown to roles that need not read all of it.
MOST_HEADINGS = 40
# Characters of a page searched for headings.
OUTLINED = 1_000_000
# Characters of a heading, tags included.
LONGEST_HEADING = 500

_HEADING_TAG = re.compile(r"<(/?)h([1-6])\b[^<>]{0,500}+>", re.I)
_TAG = re.compile(r"<[^>]*>")


def state(snapshot: Snapshot, run: Run) -> PromptSection:
    """Return why the role runs, and the phase of the project."""
    artifact, workspace = snapshot.artifact, snapshot.workspace
    if workspace is not None:
        made = f"Commits merged: {workspace.number:,}"
    else:
        made = f"Page: {f'version {artifact.number}' if artifact else 'none yet'}"
    text = f"Phase: {snapshot.stack.phase}. {made}. You run because: {run.reason}."
    return PromptSection("state", "State", (Item(one_line(text, 600)),), share=0.1, cut=True)


def idea(snapshot: Snapshot) -> PromptSection:
    """Return the idea of the project."""
    found = snapshot.idea
    items: list[Item] = []
    if found is not None:
        items.append(Item(f"Idea: {found.idea}"))
        if found.title:
            items.append(Item(f"Title: {found.title}"))
        if found.description:
            items.append(Item(f"Description: {found.description}"))
        items += [Item(f"Feature: {feature}") for feature in found.features]
    return PromptSection("idea", "The idea", tuple(items), share=0.2, cut=True)


def open_todos(todos: Sequence[Todo], title: str = "Open todos, the most urgent first") -> PromptSection:
    """Return todos, numbered from 1."""
    return PromptSection("open todos", title, numbered((_told(todo), todo.id) for todo in todos), share=0.25)


def closed_todos(snapshot: Snapshot) -> PromptSection:
    """Return completed and cancelled todos, newest first."""
    closed = sorted(
        (todo for todo in snapshot.todos if not todo.status.open),
        key=lambda todo: (todo.closed_at or 0.0, todo.id),
        reverse=True,
    )
    items = tuple(Item(f"- {todo.status}: {one_line(todo.content, 300)}", todo.id) for todo in closed)
    return PromptSection("closed todos", "Closed todos, the newest first", items, share=0.1)


def memory(snapshot: Snapshot, role: str) -> PromptSection:
    """Return the role's memory, newest first."""
    known = snapshot.states.get(role)
    if known is None:
        return PromptSection("memory", "Your memory")
    learnings = [Item(f"- learned: {text}") for text in reversed(known.long_term.learnings)]
    facts = [Item(f"- fact: {text}") for text in reversed(known.long_term.facts)]
    # Alternating, so that neither crowds out the other.
    items = [item for pair in zip(learnings, facts, strict=False) for item in pair]
    rest = learnings[len(facts) :] or facts[len(learnings) :]
    return PromptSection("memory", "Your memory, the newest first", (*items, *rest), share=0.1)


def outline(snapshot: Snapshot) -> PromptSection:
    """Return the headings of the page."""
    artifact = snapshot.artifact
    items: list[Item] = []
    if artifact is not None:
        items.append(Item(f"{len(artifact.content):,} characters; its headings:"))
        found = [
            f"{'  ' * (level - 1)}- {one_line(_TAG.sub(' ', text), 120)}"
            for level, text in _headings(artifact.content[:OUTLINED])
        ]
        items += [Item(line) for line in found[:MOST_HEADINGS]]
        if len(found) > MOST_HEADINGS:
            items.append(Item(f"({len(found) - MOST_HEADINGS} more headings are left out)"))
    return PromptSection("outline", "The page, in outline", tuple(items), share=0.1)


def _headings(content: str) -> Iterator[tuple[int, str]]:
    """Yield the headings of the page by level and content: from each tag to the next, if that closes it."""
    for begin, end in pairwise(_HEADING_TAG.finditer(content)):
        if not begin[1] and end[1] and begin[2] == end[2]:
            yield int(begin[2]), content[begin.end() : end.start()][:LONGEST_HEADING]


def page(snapshot: Snapshot) -> PromptSection:
    """Return the page itself."""
    artifact = snapshot.artifact
    if artifact is None:
        return PromptSection("page", "The page")
    title = f"The page, version {artifact.number}"
    return PromptSection("page", title, (Item(artifact.content, artifact.id),), share=0.6, cut=True)


def numbered(texts: Iterable[tuple[str, str]]) -> tuple[Item, ...]:
    """Return items of (text, id), numbered from 1.

    Their further lines are indented, so that no text can pass for an item of its own.
    """
    return tuple(Item(indented(f"{number}. {text}"), id) for number, (text, id) in enumerate(texts, 1))


def indented(text: str) -> str:
    """Return `text` with all lines but the first indented, whatever its line ends."""
    return "\n   ".join(text.splitlines())


def _told(todo: Todo) -> str:
    return f"(priority {todo.priority}, {todo.status}) {todo.content}"
