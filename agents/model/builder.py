"""The builder that asks a model."""

import re
from collections.abc import Sequence

from pydantic import BaseModel, Field, JsonValue

from recursor.agents.model import prompt_sections
from recursor.agents.model.answer import Answer, Sentence, insist
from recursor.agents.model.context import Context, Item, PromptSection, fit
from recursor.agents.model.edits import Edit, EditError, edited
from recursor.agents.model.role import ModelRole, Task
from recursor.agents.scripted.wording import one_line, plain
from recursor.domain.agent import Run
from recursor.domain.effect import Effect, Outcome, PublishArtifact, Remember, UpdateTodo
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError
from recursor.domain.todo import Todo, TodoStatus

# From this many characters on, repeating the page costs too much.
BIG_PAGE = 12_000
MOST_EDITS = 40

_FENCE = re.compile(r"\A\s*```[a-z]*[ \t]*\n(?P<page>.*)\n```\s*\Z", re.S | re.I)
# All quantifiers are possessive: on a page made by a model or a visitor, backtracking could take hours.
_BEGIN = re.compile(r"\A(?:\ufeff|\s|<!--(?:(?!-->).)*+-->)*+<!doctype\s++html\b[^<>]{0,1000}+>", re.S | re.I)
_END = re.compile(r"</html\s*+>(?:\s|<!--(?:(?!-->).)*+-->)*+\Z", re.S | re.I)
# Placeholders that models write in place of content they omit.
_PLACEHOLDER = re.compile(
    r"(?:<!--|/\*|(?<![:\w\"'])//)\s*+(?:\[\s*+)?(?:\.\.\.|…"
    r"|(?:the )?rest of (?:the|your) (?:page|code|file|document|html|css|styles?|scripts?|content|markup)\b"
    r"|(?:existing|previous|remaining|same) (?:code|styles?|scripts?|content|markup|functions?|sections?)"
    r" (?:here|goes|stays?|remains?|unchanged|as before|above)\b)",
    re.I,
)


class Replacement(BaseModel):
    """A search-and-replace block."""

    search: str = Field(description="Copied exactly from the page; occurs in it exactly once.")
    replace: str = Field(description="What stands there afterwards.")


class BuilderAnswer(Answer):
    """The builder's answer to a todo: edits, a whole page, or neither."""

    edits: list[Replacement] = Field(default=[], max_length=MOST_EDITS)
    page: str | None = Field(default=None, description="The whole page, if not edits.")
    cannot: Sentence | None = Field(default=None, description="Why it cannot be done, if neither.")


class ModelBuilder(ModelRole[BuilderAnswer]):
    """Makes a version of the page for one todo at a time."""

    prompt = "builder"

    def task(self, snapshot: Snapshot, run: Run) -> Task[BuilderAnswer] | Outcome:
        """See `ModelRole.task`."""
        return BuildingTask(snapshot, run) if snapshot.open_todos else Outcome()


class BuildingTask(Task[BuilderAnswer]):
    """The most urgent todo."""

    output = BuilderAnswer

    def __init__(self, snapshot: Snapshot, run: Run) -> None:
        super().__init__(snapshot, run)
        self._todo: Todo = snapshot.open_todos[0]
        self._before = snapshot.artifact.content if snapshot.artifact else ""
        self._page_is_cut = False
        self._page = ""
        self._was_too_large = False

    def values(self) -> dict[str, object]:
        """See `Task.values`."""
        return {
            "has_page": bool(self._before),
            "page_is_cut": self._page_is_cut,
            "page_is_big": len(self._before) >= BIG_PAGE,
        }

    def sections(self) -> Sequence[PromptSection]:
        """See `Task.sections`."""
        snapshot = self.snapshot
        others = snapshot.open_todos[1:]
        return (
            PromptSection("todo", "Your todo", (Item(self._todo.content, self._todo.id),), cut=True),
            prompt_sections.page(snapshot),
            prompt_sections.idea(snapshot),
            prompt_sections.open_todos(others, "Open todos that are not yours now"),
            prompt_sections.memory(snapshot, self.run.role),
        )

    def fitted(self, sections: Sequence[PromptSection], room: int) -> Context:
        """See `Task.fitted`. Only the shown part of a page that is too large can be changed."""
        context = fit(sections, room)
        self._page_is_cut = "page" in context.cut or "page" in context.left_out
        return context

    def check(self, answer: BuilderAnswer) -> BuilderAnswer:
        """See `Task.check`."""
        given = [bool(answer.edits), bool(answer.page), bool(answer.cannot)]
        if sum(given) != 1:
            insist(["Give exactly one of edits, page and cannot."])
        if answer.edits:
            self._page = self._edited(answer.edits)
        elif answer.page:
            self._page = self._whole(answer.page)
        if not answer.cannot:
            insist(self._problems())
        return answer

    def effects(self, answer: BuilderAnswer) -> Sequence[Effect]:
        """See `Task.effects`."""
        todo = self._todo
        if answer.cannot:
            learned = one_line(f"Could not build “{todo.content}”: {answer.cannot}", 400)
            return (
                UpdateTodo(todo_id=todo.id, status=TodoStatus.CANCELLED),
                Remember(learnings=(learned,)),
            )
        metadata: dict[str, JsonValue] = {
            "todo": todo.id,
            "made_by": f"{len(answer.edits)} edits" if answer.edits else "a whole page",
        }
        return (
            PublishArtifact(content=self._page, metadata=metadata),
            UpdateTodo(todo_id=todo.id, status=TodoStatus.COMPLETED),
        )

    def _edited(self, replacements: Sequence[Replacement]) -> str:
        if not self._before:
            insist(["There is no page yet to be edited: give a whole page."])
        edits = [Edit(plain(each.search), plain(each.replace)) for each in replacements]
        try:
            return edited(self._before, edits)
        except EditError as error:
            insist([*error.problems, "None of the edits was applied: give all of them again."])
            raise

    def _whole(self, page: str) -> str:
        if self._page_is_cut:
            insist(["You do not see all of the page, so you cannot replace it: give edits."])
        fenced = _FENCE.match(page)
        return plain(fenced["page"] if fenced else page).strip() + "\n"

    def _problems(self) -> list[str]:
        page = self._page
        problems = []
        if not _BEGIN.match(page):
            problems.append("The page does not begin with <!doctype html>: it must be a complete document.")
        if not _END.search(page[-10_000:]):
            problems.append("The page does not end with </html>: it must be a complete document.")
        elif not re.search(r"<body\b", page, re.I):
            problems.append("The page has no <body>: it must be a complete document.")
        if (found := _PLACEHOLDER.search(page)) and found[0] not in self._before:
            problems.append(
                f"The page has a placeholder where there should be content: “{one_line(found[0], 80)}”."
            )
        if page == self._before:
            problems.append("The page is the same as before: do the todo, or say why it cannot be done.")
        if (size := len(page.encode("utf-8", "replace"))) > self._most_bytes:
            if self._was_too_large:
                limit = self.run.settings.limits.outcome_bytes
                raise AgentFailedError(
                    f"the page for “{one_line(self._todo.content, 80)}” has {size:,} bytes, even after the "
                    f"model was told to make it smaller: raise limits.outcome_bytes = {limit:,}, or cancel "
                    "the todo, then resume",
                    suspend=True,
                )
            self._was_too_large = True
            problems.append(
                f"The page has {size:,} bytes, and {self._most_bytes:,} are allowed: make it smaller."
            )
        return problems

    @property
    def _most_bytes(self) -> int:
        # Some room is for the rest of the outcome.
        return self.run.settings.limits.outcome_bytes * 9 // 10
