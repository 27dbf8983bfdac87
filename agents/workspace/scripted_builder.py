"""The scripted builder on a repository: writes one part of a static site."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from recursor.agents.scripted.changes import understand
from recursor.agents.scripted.check_site import pages_of
from recursor.agents.scripted.plan import AddSection, RemoveSection
from recursor.agents.scripted.reading import CLONED
from recursor.agents.scripted.site import (
    HOME,
    Site,
    SitePart,
    SiteStep,
    in_order,
    site_sections,
    site_step_of,
)
from recursor.agents.scripted.theme import theme_of
from recursor.agents.scripted.wording import one_line, title_of
from recursor.agents.workspace.working_tree import RunTree, working_tree
from recursor.domain.agent import Run
from recursor.domain.effect import FailTodo, Outcome, Remember, UpdateTodo
from recursor.domain.extras import needing
from recursor.domain.snapshot import Snapshot
from recursor.domain.todo import Todo, TodoStatus

with needing("workspaces", "A workspace"):
    from recursor.workspaces.errors import LimitExceededError
    from recursor.workspaces.working_tree import directory_below, root_of


class ScriptedSiteBuilder:
    """Proposes a commit with the files of one todo. The same tip and todo give the same commit."""

    async def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        """See `recursor.domain.agent.Agent.run`."""
        todo = next((todo for todo in snapshot.open_todos if todo.id == run.todo_id), None)
        workspace = snapshot.workspace
        if todo is None or workspace is None or workspace.tip is None:
            return Outcome()
        if workspace.origin is not None:
            return _giving_up(todo, CLONED)
        steps = _steps_for(todo, snapshot)
        if not steps:
            return _giving_up(todo, "A scripted team adds and removes pages of a site, and nothing else.")
        async with working_tree(snapshot, run, workspace.tip) as tree:
            try:
                paths = await asyncio.to_thread(_write_all, snapshot, tree, steps)
                proposal = await tree.propose(todo, todo.content, f"Writes {', '.join(paths)}.")
            except (LimitExceededError, OSError) as error:
                return Outcome(effects=(FailTodo(todo_id=todo.id, problem=one_line(str(error), 1_000)),))
        if proposal is None:
            done = UpdateTodo(todo_id=todo.id, status=TodoStatus.COMPLETED)
            return Outcome(effects=(done,), summary=f"Nothing to change for “{one_line(todo.content, 120)}”")
        return Outcome(
            effects=(proposal,),
            summary=f"Proposed “{proposal.title}”: {', '.join(paths)}",
            thoughts=(f"+{proposal.insertions:,} -{proposal.deletions:,} lines on {workspace.tip[:12]}.",),
        )


def _steps_for(todo: Todo, snapshot: Snapshot) -> tuple[SiteStep, ...]:
    """Return the step that is noted on a todo, else those in its words."""
    noted = site_step_of(todo)
    if noted is not None:
        return (noted,)
    sections = site_sections(each for each in snapshot.todos if each.id != todo.id)
    steps: list[SiteStep] = []
    for step in understand(todo.content, sections, is_order=True).steps:
        if isinstance(step, AddSection):
            steps.append(SiteStep(part=SitePart.PAGE, section=step.section))
        elif isinstance(step, RemoveSection):
            gone = next(section for section in sections if section.key == step.key)
            steps.append(SiteStep(part=SitePart.REMOVAL, section=gone))
    # A person's todo says nothing of the home page, which has to link to a new page.
    return (*steps, SiteStep(part=SitePart.HOME)) if steps else ()


def _write_all(snapshot: Snapshot, tree: RunTree, steps: tuple[SiteStep, ...]) -> tuple[str, ...]:
    """Write the files of the steps, and return their paths."""
    idea = snapshot.idea
    text = "" if idea is None else idea.idea
    site = Site(
        space=snapshot.stack.id,
        title=(idea.title if idea else None) or title_of(text, snapshot.stack.name),
        theme=theme_of(text or snapshot.stack.name),
        missing=idea.reading.missing if idea is not None and idea.reading is not None else (),
    )
    sections = site_sections(snapshot.todos)
    written: dict[str, None] = {}
    for step in steps:
        files = site.files(step, in_order(_linked(tree.directory), sections))
        _write(tree.directory, files)
        written |= dict.fromkeys(files)
    return tuple(written)


def _linked(directory: Path) -> dict[str, str]:
    """Return the titles of the pages that the home page links to, by path."""
    pages = pages_of(directory).items()
    return {path: " ".join(page.title.split()) or path for path, page in pages if path != HOME}


def _write(directory: Path, files: Mapping[str, str | None]) -> None:
    """Write files below a directory, in which others may have put links.

    Raises:
        OSError: a folder is a link, or a file cannot be written.
    """
    with root_of(directory) as root:
        for path, content in files.items():
            folder, _, name = path.rpartition("/")
            if folder and not os.path.lexists(directory / folder):
                os.mkdir(folder, dir_fd=root)
            with directory_below(root, f"{folder}/".encode() if folder else b"") as descriptor:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=descriptor)
                if content is None:
                    continue
                # It exists no more, so that no link is followed.
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
                with open(os.open(name, flags, 0o644, dir_fd=descriptor), "w", encoding="utf-8") as file:
                    file.write(content)


def _giving_up(todo: Todo, why: str) -> Outcome:
    return Outcome(
        effects=(
            UpdateTodo(todo_id=todo.id, status=TodoStatus.CANCELLED),
            Remember(learnings=(one_line(f"Could not build “{todo.content}”: {why}", 400),)),
        ),
        summary=f"Cancelled “{one_line(todo.content, 160)}”: {why}",
    )
