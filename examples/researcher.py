"""A fifth role that asks a model, and gives it a tool: a researcher, who looks things up before one builds.

    cd examples
    export RESEARCHER_NOTES=~/notes
    recursor run --team researcher:team --model openai:gpt-5-mini --idea "recipes for bread" --until-done

It searches the text files of one directory, and nothing else: a tool can do whatever its function does, so it
is better small. What it finds becomes part of the project's description, which planner and builder are shown.

A package offers such a role by an entry point to all who install it; then it is `run --team researcher`:

    [project.entry-points."recursor.roles"]
    researcher = "researcher:team"
"""

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from recursor import (
    Dependency,
    Outcome,
    Role,
    RoleRegistry,
    Run,
    Settings,
    Snapshot,
    WorkStatus,
    effect,
    models,
    standard_team,
)

DONE = "The subject has been looked up."
# Lines that one search shows.
MOST_LINES = 20


def search_notes(word: str) -> str:
    """Return the lines of the notes that have a word in them, each with the name of its note.

    Args:
        word: what to look for.
    """
    folder = Path(os.environ.get("RESEARCHER_NOTES", "notes"))
    found = [
        f"{note.name}: {line.strip()[:300]}"
        for note in sorted(folder.glob("*.txt"))
        for line in note.read_text(encoding="utf-8", errors="replace").splitlines()
        if word.casefold() in line.casefold()
    ]
    more = f"\n({len(found) - MOST_LINES} more lines are left out)" if len(found) > MOST_LINES else ""
    return "\n".join(found[:MOST_LINES]) + more or "Nothing."


class Findings(models.Answer):
    """What the model answers: what every answer has, and this."""

    findings: models.Sentences = Field(default=[], description="What the notes say, a sentence each.")


class Research(models.Task[Findings]):
    """What the model is shown, and what becomes of its answer."""

    output = Findings

    def sections(self) -> Sequence[models.PromptSection]:
        """Show the idea, and what is planned."""
        return models.prompt_sections.idea(self.snapshot), models.prompt_sections.open_todos(
            self.snapshot.open_todos
        )

    def effects(self, answer: Findings) -> Sequence[effect.Effect]:
        """Add the findings to the project's description."""
        idea = self.snapshot.idea
        assert idea is not None
        noted = effect.Remember(facts=(DONE,))
        if not answer.findings:
            return (noted,)
        found = "\n".join(f"- {finding}" for finding in answer.findings)
        description = f"{idea.description}\n\nFound in the notes:\n{found}".strip()
        return (
            effect.SetProject(
                title=idea.title or "Untitled", description=description, features=idea.features
            ),
            noted,
        )


class Researcher(models.ModelRole[Findings]):
    """The agent. `tools` may also have an MCP server in it: see `librarian.py`."""

    prompt = "researcher"
    prompts = Path(__file__).parent
    tools = (search_notes,)

    def task(self, snapshot: Snapshot, run: Run) -> models.Task[Findings] | Outcome:
        """Ask about the idea."""
        return Research(snapshot, run)


def detect(snapshot: Snapshot, settings: Settings, _now: float) -> WorkStatus:
    """Have work once for every project, as soon as it has a title; and none without a model to ask."""
    if settings.model.of("researcher") == models.SCRIPTED:
        return WorkStatus(has_work=False, reason="it has no model to ask")
    if snapshot.idea is None or snapshot.idea.title is None:
        return WorkStatus(has_work=False, reason="the project has no title yet")
    if DONE in snapshot.states["researcher"].long_term.facts:
        return WorkStatus(has_work=False, reason="the subject has been looked up")
    return WorkStatus(has_work=True, priority=8, reason="the subject has not been looked up")


def team() -> RoleRegistry:
    """Return the standard team with a researcher, who waits for the planner."""
    return standard_team().adding(Role("researcher", detect, Researcher(), (Dependency("planner"),)))
