"""The scripted planner on a repository: plans a static site, or hands the idea on to another builder."""

from collections.abc import Sequence
from shlex import quote

from pydantic import JsonValue

from recursor.agents.scripted.changes import understand
from recursor.agents.scripted.components import COMPONENTS
from recursor.agents.scripted.plan import AddSection, PageSection, RemoveSection
from recursor.agents.scripted.reading import ending_of, read_idea_for_site
from recursor.agents.scripted.site import (
    MAX_PAGES,
    NOT_LINKED,
    SITE_CHECK,
    SitePart,
    SiteStep,
    site_sections,
    site_step_of,
)
from recursor.agents.scripted.wording import one_line, title_of
from recursor.domain.agent import Run
from recursor.domain.effect import (
    CreateTodo,
    Effect,
    Outcome,
    PlanUserMessages,
    SetFocus,
    SetPhase,
    SetProject,
    TakeRecommendations,
    UpdateTodo,
)
from recursor.domain.message import UserMessage
from recursor.domain.settings import SCRIPTED
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Phase
from recursor.domain.todo import TodoStatus
from recursor.domain.workspace import Workspace
from recursor.orchestration.detectors import asks_for_change

DEFAULT_IDEA = "A notebook for the day: a to-do list, notes and a focus timer"
# Built twice for the same recommendation without success, a third time will not help.
TRIES_PER_RECOMMENDATION = 2
MAX_MESSAGES_A_RUN = 50
_LONGEST_TODO = 2_000
# The test comes first, so that every later commit can be checked with it.
_NEEDS = {
    SitePart.TEST: (),
    SitePart.STYLE: (SitePart.TEST,),
    SitePart.SCRIPT: (SitePart.TEST,),
    SitePart.HOME: (SitePart.STYLE, SitePart.PAGE),
    SitePart.PAGE: (SitePart.STYLE, SitePart.SCRIPT, SitePart.HOME),
    SitePart.REMOVAL: (SitePart.PAGE, SitePart.HOME),
}
_SHARED = (SitePart.TEST, SitePart.STYLE, SitePart.SCRIPT, SitePart.HOME)


def has_scripted_builder(run: Run) -> bool:
    """Return whether the team's builder is the scripted one, which can only make a site."""
    settings = run.settings
    return settings.agent.of("builder") == "model" and settings.model.of("builder") == SCRIPTED


def makes_site(snapshot: Snapshot, run: Run) -> bool:
    """Return whether the scripted team makes a site in the repository: a new one, which is its own."""
    workspace = snapshot.workspace
    return has_scripted_builder(run) and workspace is not None and workspace.origin is None


class ScriptedRepositoryPlanner:
    """Plans a site of pages for the scripted builder.

    For any other builder it makes one todo of the idea, of each request and of each recommendation: it cannot
    tell how such work is divided.
    """

    def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        """See `recursor.domain.agent.Agent.run`."""
        workspace = snapshot.workspace
        if workspace is None:
            return Outcome()
        plan = _Plan(snapshot, run, workspace)
        if snapshot.idea is None or snapshot.idea.title is None or snapshot.idea.updated_by == "user":
            plan.plan_project()
        plan.take_recommendations()
        plan.take_messages()
        plan.free_todos()
        plan.settle_phase()
        return plan.outcome()


class _Plan:
    """The growing outcome of one run."""

    def __init__(self, snapshot: Snapshot, run: Run, workspace: Workspace) -> None:
        self._snapshot = snapshot
        self._run = run
        self._workspace = workspace
        self._is_scripted = has_scripted_builder(run)
        self._effects: list[Effect] = []
        self._thoughts: list[str] = []
        self._said: list[str] = []
        self._sections = list(site_sections(snapshot.todos))
        self._open = {
            todo.id: step for todo in snapshot.open_todos if (step := site_step_of(todo)) is not None
        }
        """The parts that open todos are about, by id or label."""
        self._has = {step.part for todo in snapshot.todos if (step := site_step_of(todo)) is not None}
        """The parts that the site has, is to get, or that a person did not want."""
        self._new_todos = 0
        self._reading = None if snapshot.idea is None else snapshot.idea.reading

    def outcome(self) -> Outcome:
        if not self._effects and not self._thoughts:
            return Outcome()
        if self._said:
            self._effects.append(SetFocus(active_task=None, focus=one_line(self._said[-1], 200)))
        return Outcome(
            effects=tuple(self._effects), summary=" ".join(self._said), thoughts=tuple(self._thoughts)
        )

    def plan_project(self) -> None:
        """Name the project, and make the todos of the idea."""
        idea = self._snapshot.idea
        text = DEFAULT_IDEA if idea is None else idea.idea
        title = title_of(text, self._snapshot.stack.name)
        if idea is not None and idea.title and not self._snapshot.todos:
            title = idea.title
        if not self._is_scripted:
            self._effects.append(SetProject(idea=None if idea else text, title=title))
            self._said.append(f"Called the project “{title}”, and gave the idea to the builder as it is.")
            if not any(todo.content == _cut(text) for todo in self._snapshot.todos):
                self._create(text, 4)
            return
        reading = read_idea_for_site(text, cloned=self._workspace.origin is not None)
        self._effects.append(
            SetProject(
                idea=None if idea else text,
                title=title,
                features=tuple(f"{s.title}: {COMPONENTS[s.component].does}" for s in reading.sections),
                reading=reading.told,
            )
        )
        if idea is None:
            self._said.append("Nobody gave an idea, so I chose a modest one: a notebook for the day.")
        else:
            self._said.append(f"Read the idea and called the project “{title}”.")
        self._thoughts += (*reading.told.made, *reading.told.not_made)
        self._reading = reading.told
        self._add_pages(reading.sections, renamed=idea is not None and idea.title not in (None, title))
        if reading.sections and SITE_CHECK not in self._run.settings.workspace.checks:
            named = quote(self._snapshot.stack.name)
            self._thoughts.append(
                "The site gets a test. To run it before every merge: "
                f"recursor configure {named} --set 'workspace.checks=[\"{SITE_CHECK}\"]'"
            )

    def take_recommendations(self) -> None:
        """Make a todo of every recommendation that has none yet."""
        state = self._snapshot.states.get("reviewer")
        waiting = () if state is None else state.long_term.recommendations
        if not waiting or state is None:
            return
        before = self._new_todos
        is_stale = self._workspace.number > state.long_term.reviewed_artifact
        for recommendation in waiting:
            same = [t for t in self._snapshot.todos if t.metadata.get("recommendation") == recommendation]
            if is_stale and same:
                self._thoughts.append(f"The tip has moved since; the next review will tell: {recommendation}")
            elif any(todo.status.open for todo in same):
                self._thoughts.append(f"Planned already: {recommendation}")
            elif len(same) >= TRIES_PER_RECOMMENDATION:
                self._thoughts.append(f"Tried {len(same)} times, so I leave it: {recommendation}")
            else:
                self._follow(recommendation)
        self._effects.append(TakeRecommendations(recommendations=waiting))
        made = _count(self._new_todos - before, "new todo")
        self._said.append(f"Went through {_count(len(waiting), 'recommendation')} of the reviewer: {made}.")

    def _follow(self, recommendation: str) -> None:
        noted: dict[str, JsonValue] = {"recommendation": recommendation}
        if not self._is_scripted:
            self._create(recommendation, 4, metadata=noted)
            return
        path = recommendation.partition(":")[0]
        section = next((each for each in self._sections if f"{each.key}.html" == path), None)
        if section is not None and not recommendation.endswith(NOT_LINKED):
            self._create_step(SiteStep(part=SitePart.PAGE, section=section), 5, noted)
        elif any(step.part is SitePart.HOME for step in self._open.values()):
            self._thoughts.append(f"Planned already: {recommendation}")
        elif path.endswith(".html"):
            self._create_step(SiteStep(part=SitePart.HOME), 5, noted)
        else:
            self._thoughts.append(f"Nothing that I can put right: {recommendation}")

    def take_messages(self) -> None:
        """Make todos of visitors' requests, and mark every message as considered."""
        unplanned = [m for m in self._snapshot.user_messages if m.planned_at is None][:MAX_MESSAGES_A_RUN]
        if not unplanned:
            return
        before = self._new_todos
        for message in unplanned:
            self._take(message)
        self._effects.append(PlanUserMessages(message_ids=tuple(m.id for m in unplanned)))
        read, made = _count(len(unplanned), "message"), _count(self._new_todos - before, "todo")
        self._said.append(f"Considered {read} of visitors and made {made} of it.")

    def _take(self, message: UserMessage) -> None:
        noted: dict[str, JsonValue] = {"message": message.id}
        wish = one_line(message.content, 120)
        if not self._is_scripted:
            if asks_for_change(message, self._run.settings.detection):
                self._create(message.content, 4, metadata=noted)
            return
        if self._workspace.origin is not None:
            self._thoughts.append(f"I change nothing in a cloned repository: “{wish}”")
            return
        steps = understand(message.content, self._sections).steps
        gone = {step.key for step in steps if isinstance(step, RemoveSection)}
        new = [step.section for step in steps if isinstance(step, AddSection)]
        removed = [section for section in self._sections if section.key in gone]
        for section in removed:
            self._create_step(SiteStep(part=SitePart.REMOVAL, section=section), 4, noted)
        self._sections = [section for section in self._sections if section.key not in gone]
        self._add_pages(new, noted=noted)
        if not new and not removed:
            self._thoughts.append(f"Pages can be added and removed, and nothing else: “{wish}”")

    def free_todos(self) -> None:
        """Let no todo wait for one that was cancelled."""
        cancelled = {todo.id for todo in self._snapshot.todos if todo.status is TodoStatus.CANCELLED}
        for todo in self._snapshot.open_todos:
            if cancelled.intersection(todo.needs):
                left = tuple([needed for needed in todo.needs if needed not in cancelled])
                self._effects.append(UpdateTodo(todo_id=todo.id, needs=left))

    def settle_phase(self) -> None:
        """Set the phase of the project."""
        phase = self._snapshot.stack.phase
        if self._new_todos or self._snapshot.open_todos:
            self._set_phase(Phase.BUILDING)
            return
        if phase.is_final:
            return
        reviewer = self._snapshot.states.get("reviewer")
        reviewed = 0 if reviewer is None else reviewer.long_term.reviewed_artifact
        if reviewed < self._workspace.number:
            if phase is not Phase.REVIEWING:
                self._set_phase(Phase.REVIEWING)
                self._said.append("All is merged; the newest commits wait for their review.")
            return
        if self._reading is not None and self._reading.missing:
            self._set_phase(Phase.PARTIAL)
            self._said.append(ending_of(self._reading, self._snapshot.stack.name))
        else:
            self._set_phase(Phase.COMPLETE)
            self._said.append(self._ending())

    def _ending(self) -> str:
        if not self._workspace.number:
            return "No todo is left, and nothing was merged: the project is complete."
        return (
            f"All is merged and reviewed up to {(self._workspace.tip or '')[:12]}: the project is complete."
        )

    def _add_pages(
        self,
        sections: Sequence[PageSection],
        *,
        renamed: bool = False,
        noted: dict[str, JsonValue] | None = None,
    ) -> None:
        """Make the todos of new pages, and of the home page that links to them."""
        known = {section.key for section in self._sections} | self._cancelled()
        new = [section for section in sections if section.key not in known]
        room = max(MAX_PAGES - len(self._sections), 0)
        if len(new) > room:
            self._thoughts.append(f"A site has at most {MAX_PAGES} pages: I leave out {len(new) - room}.")
            new = new[:room]
        if not new and not renamed:
            return
        for part in _SHARED:
            if part not in self._has:
                self._create_step(SiteStep(part=part), 5)
        for section in new:
            self._create_step(SiteStep(part=SitePart.PAGE, section=section), 4, noted)
            self._sections.append(section)
        self._create_step(SiteStep(part=SitePart.HOME), 3, noted)

    def _cancelled(self) -> set[str]:
        """Return the pages that a person did not want."""
        steps = [site_step_of(t) for t in self._snapshot.todos if t.status is TodoStatus.CANCELLED]
        return {step.section.key for step in steps if step and step.part is SitePart.PAGE and step.section}

    def _create_step(self, step: SiteStep, priority: int, noted: dict[str, JsonValue] | None = None) -> None:
        """Make a todo of a part of the site, which needs the open todos of the parts that it builds on."""
        needs = tuple(key for key, other in self._open.items() if other.part in _NEEDS[step.part])
        label = f"part-{len(self._effects)}"
        self._create(
            step.told,
            priority,
            metadata={**(noted or {}), **step.noted()},
            needs=needs,
            paths=step.paths,
            label=label,
        )
        self._open[label] = step
        self._has.add(step.part)

    def _create(
        self,
        content: str,
        priority: int,
        *,
        metadata: dict[str, JsonValue] | None = None,
        needs: tuple[str, ...] = (),
        paths: tuple[str, ...] = (),
        label: str | None = None,
    ) -> None:
        self._effects.append(
            CreateTodo(
                content=_cut(content),
                priority=priority,
                metadata=metadata or {},
                label=label,
                needs=needs,
                paths=paths,
            )
        )
        self._new_todos += 1

    def _set_phase(self, phase: Phase) -> None:
        if self._snapshot.stack.phase is not phase:
            self._effects.append(SetPhase(phase=phase))


def _cut(text: str) -> str:
    text = text.replace("\x00", "").strip()
    return text if len(text) <= _LONGEST_TODO else f"{text[: _LONGEST_TODO - 1]}…"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
