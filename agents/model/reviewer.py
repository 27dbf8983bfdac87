"""The reviewer that asks a model, after automatic checks."""

from collections.abc import Sequence
from enum import StrEnum

from pydantic import BaseModel, Field

from recursor.agents.model import prompt_sections
from recursor.agents.model.answer import Answer, Sentence
from recursor.agents.model.context import Context, Item, PromptSection, fit
from recursor.agents.model.role import ModelRole, Task
from recursor.agents.recommendations import planned
from recursor.agents.scripted.review import GENERAL_CHECKS, review
from recursor.agents.scripted.wording import one_line
from recursor.domain.agent import Run
from recursor.domain.effect import Effect, Outcome, Remember, ReviewArtifact
from recursor.domain.project import Artifact
from recursor.domain.snapshot import Snapshot
from recursor.domain.todo import Todo

MOST_ISSUES = 10
# The most recommendations at a time, the most severe first. The next review finds the rest.
MOST_RECOMMENDATIONS = 8


class IssueSeverity(StrEnum):
    """The severity of an issue."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"


class Issue(BaseModel):
    """A problem of the page."""

    severity: IssueSeverity
    problem: Sentence = Field(min_length=1)
    remedy: Sentence = Field(min_length=1)


class Review(Answer):
    """The reviewer's judgement of a version."""

    verdict: Sentence = ""
    issues: list[Issue] = Field(default=[], max_length=MOST_ISSUES)


class ModelReviewer(ModelRole[Review]):
    """Judges the newest version against the idea and the todos."""

    prompt = "reviewer"

    def task(self, snapshot: Snapshot, run: Run) -> Task[Review] | Outcome:
        """See `ModelRole.task`."""
        return Outcome() if snapshot.artifact is None else ReviewingTask(snapshot, snapshot.artifact, run)


class ReviewingTask(Task[Review]):
    """The newest version."""

    output = Review

    def __init__(self, snapshot: Snapshot, artifact: Artifact, run: Run) -> None:
        super().__init__(snapshot, run)
        self._artifact = artifact
        self._findings = review(artifact.content, snapshot.todos, GENERAL_CHECKS)
        self._page_is_cut = False

    def values(self) -> dict[str, object]:
        """See `Task.values`."""
        return {"most_issues": MOST_ISSUES, "page_is_cut": self._page_is_cut}

    def sections(self) -> Sequence[PromptSection]:
        """See `Task.sections`."""
        snapshot = self.snapshot
        findings = tuple(Item(f"- {finding.check}: {finding.text}") for finding in self._findings)
        return (
            prompt_sections.idea(snapshot),
            PromptSection("findings", "What programs have found", findings, share=0.1),
            prompt_sections.page(snapshot),
            prompt_sections.closed_todos(snapshot),
            prompt_sections.open_todos(snapshot.open_todos),
            prompt_sections.memory(snapshot, self.run.role),
        )

    def fitted(self, sections: Sequence[PromptSection], room: int) -> Context:
        """See `Task.fitted`."""
        context = fit(sections, room)
        self._page_is_cut = "page" in context.cut or "page" in context.left_out
        return context

    def effects(self, answer: Review) -> Sequence[Effect]:
        """See `Task.effects`."""
        number = self._artifact.number
        said = answer.verdict or answer.summary
        return (
            ReviewArtifact(
                number=number,
                recommendations=recommendations(
                    [finding.recommendation for finding in self._findings],
                    answer.issues,
                    self.snapshot.open_todos,
                ),
            ),
            Remember(facts=(one_line(f"Version {number}: {said}", 300),)),
        )

    def thoughts(self, answer: Review) -> Sequence[str]:
        """See `Task.thoughts`."""
        found = [f"checked: {finding.check}: {finding.text}" for finding in self._findings]
        judged = [f"{issue.severity}: {issue.problem}" for issue in by_severity(answer.issues)]
        return [*found, *judged, *answer.thoughts]


def recommendations(
    findings: Sequence[str], issues: Sequence[Issue], open_todos: Sequence[Todo]
) -> tuple[str, ...]:
    """Return what programs found, then what the model found except trifles, without what is planned already.

    Trifles are noted but not recommended: they would keep a finished project from ever being complete.

    Args:
        findings: of programs.
        issues: of the model.
        open_todos: the stack's.
    """
    judged = [
        f"{issue.severity}: {issue.problem} Remedy: {issue.remedy}"
        for issue in by_severity(issues)
        if issue.severity is not IssueSeverity.MINOR
    ]
    following = planned(open_todos)
    new = [text for text in dict.fromkeys((*findings, *judged)) if text not in following]
    return tuple(new[:MOST_RECOMMENDATIONS])


def by_severity(issues: Sequence[Issue]) -> list[Issue]:
    """Return the issues, the gravest first."""
    order = list(IssueSeverity)
    return sorted(issues, key=lambda issue: order.index(issue.severity))
