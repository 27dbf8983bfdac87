"""The planner: makes todos from the idea, recommendations and requests, and decides when all is done."""

from pydantic import JsonValue

from recursor.agents.scripted.changes import describe, understand
from recursor.agents.scripted.components import COMPONENTS
from recursor.agents.scripted.plan import (
    AddPart,
    AddSection,
    PageSection,
    Part,
    Rebuild,
    RemoveSection,
    Retitle,
    Step,
    lead_for,
    plan_of,
    sections_in_sight,
    step_of,
)
from recursor.agents.scripted.reading import ending_of, read_idea
from recursor.agents.scripted.review import check_of, todo_missing_in
from recursor.agents.scripted.wording import one_line, title_of
from recursor.domain.agent import Run
from recursor.domain.effect import (
    CreateTodo,
    Effect,
    Outcome,
    PlanUserMessages,
    Remember,
    SetFocus,
    SetPhase,
    SetProject,
    TakeRecommendations,
)
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Phase
from recursor.domain.todo import Todo, TodoStatus

DEFAULT_IDEA = "A notebook for the day: a to-do list, notes and a focus timer"
# Built twice for the same recommendation without success, a third time will not help.
TRIES_PER_RECOMMENDATION = 2
# Messages beyond this many wait for the next run.
MAX_MESSAGES_A_RUN = 50

_PART_OF_CHECK = {"backup": Part.BACKUP, "navigation": Part.NAVIGATION, "guide": Part.GUIDE}


class ScriptedPlanner:
    """Turns requests into todos, and sets the project's phase."""

    def run(self, snapshot: Snapshot, run: Run) -> Outcome:  # noqa: ARG002  # it needs only the snapshot
        """Propose the todos that follow from the idea, the recommendations and the visitors' messages."""
        proposal = _Proposal(snapshot)
        if snapshot.idea is None or snapshot.idea.title is None or snapshot.idea.updated_by == "user":
            proposal.plan_project()
        proposal.take_recommendations()
        proposal.take_messages()
        proposal.settle_phase()
        return proposal.outcome()


class _Proposal:
    """The growing outcome of one run."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._effects: list[Effect] = []
        self._thoughts: list[str] = []
        self._said: list[str] = []
        self._learned: list[str] = []
        self._sections: list[PageSection] = list(sections_in_sight(snapshot.artifact, snapshot.todos))
        self._new_todos = 0

    def outcome(self) -> Outcome:
        if not self._effects and not self._thoughts:
            return Outcome()
        if self._learned:
            self._effects.append(Remember(facts=tuple(self._learned)))
        if self._said:
            self._effects.append(SetFocus(active_task=None, focus=one_line(self._said[-1], 200)))
        return Outcome(
            effects=tuple(self._effects),
            summary=" ".join(self._said) or "Looked, and left all as it is.",
            thoughts=tuple(self._thoughts),
        )

    def plan_project(self) -> None:
        """Name the project and its features, and make a todo of each that is neither built nor planned."""
        idea = self._snapshot.idea
        text = idea.idea if idea else DEFAULT_IDEA
        reading = read_idea(text)
        sections = reading.sections
        title = self._title(text)
        self._effects.append(
            SetProject(
                idea=None if idea else DEFAULT_IDEA,
                title=title,
                description=lead_for(sections) if sections else "",
                features=tuple(f"{s.title}: {COMPONENTS[s.component].does}" for s in sections),
                reading=reading.told,
            )
        )
        if idea is None:
            self._said.append("Nobody gave an idea, so I chose a modest one: a notebook for the day.")
        else:
            self._said.append(f"Read the idea and called the project “{title}”.")
        self._thoughts += (*reading.told.made, *reading.told.not_made)
        here = {s.key for s in self._sections}
        for index, new in enumerate(sections):
            if new.key in here or self._was_cancelled(new.key):
                continue
            priority = 4 if index else 5
            self._create(describe(AddSection(section=new), ()), priority, AddSection(section=new))
        told_already = {todo.metadata.get("cannot") for todo in self._snapshot.todos}
        for part in reading.told.missing:
            if part not in told_already:
                self._create(
                    f"Not understood, and nothing a scripted team can make: {part}", 1, None, {"cannot": part}
                )
        plan = plan_of(self._snapshot.artifact)
        if plan is not None and plan.title != title:
            self._create(describe(Retitle(title=title), ()), 4, Retitle(title=title))
        parts = ", ".join(s.title for s in sections) or "nothing that we can make"
        self._learned.append(f"The project is “{title}”, with {parts}.")

    def _title(self, text: str) -> str:
        idea = self._snapshot.idea
        if idea is None:
            return "Notebook for the day"
        # A title that came with the idea stays; one that we made of an earlier wording does not.
        is_new = self._snapshot.artifact is None and not self._snapshot.todos
        return idea.title if idea.title and is_new else title_of(text, self._snapshot.stack.name)

    def take_recommendations(self) -> None:
        """Make a todo of every recommendation that has none yet."""
        state = self._snapshot.states.get("reviewer")
        waiting = state.long_term.recommendations if state else ()
        if not waiting or state is None:
            return
        artifact = self._snapshot.artifact
        is_stale = artifact is not None and artifact.number > state.long_term.reviewed_artifact
        before = self._new_todos
        for recommendation in waiting:
            same = [t for t in self._snapshot.todos if t.metadata.get("recommendation") == recommendation]
            if any(todo.status.open for todo in same):
                self._thoughts.append(f"Planned already: {recommendation}")
            elif same and is_stale:
                self._thoughts.append(
                    f"The page has changed since; the next review will tell: {recommendation}"
                )
            elif len(same) >= TRIES_PER_RECOMMENDATION:
                self._thoughts.append(
                    f"Tried {len(same)} times without success, so I leave it: {recommendation}"
                )
            else:
                self._follow(recommendation)
        self._effects.append(TakeRecommendations(recommendations=waiting))
        taken, made = _count(len(waiting), "recommendation"), _count(self._new_todos - before, "new todo")
        self._said.append(f"Went through {taken} of the reviewer: {made}.")

    def take_messages(self) -> None:
        """Make todos of visitors' requests, and mark every message as considered."""
        unplanned = [m for m in self._snapshot.user_messages if m.planned_at is None][:MAX_MESSAGES_A_RUN]
        if not unplanned:
            return
        before = self._new_todos
        for message in unplanned:
            understood = understand(message.content, self._sections)
            for step in understood.steps:
                self._create(
                    describe(step, self._sections),
                    4,
                    step,
                    {"message": message.id, "wish": one_line(message.content, 300)},
                )
            if understood.is_change:
                self._thoughts.append(
                    f"{message.sender} asks for a change: “{one_line(message.content, 120)}”"
                )
            elif understood.has_already:
                self._thoughts.append(
                    f"{message.sender} asks for what is there already: {', '.join(understood.has_already)}."
                )
            else:
                self._thoughts.append(f"No change that I understand: “{one_line(message.content, 120)}”")
        self._effects.append(PlanUserMessages(message_ids=tuple(m.id for m in unplanned)))
        wishes = self._new_todos - before
        read, made = _count(len(unplanned), "message"), _count(wishes, "todo")
        self._said.append(f"Considered {read} of visitors and made {made} of it.")

    def settle_phase(self) -> None:
        """Set the phase of the project."""
        snapshot = self._snapshot
        phase = snapshot.stack.phase
        if self._new_todos or snapshot.open_todos:
            self._set_phase(Phase.BUILDING)
            return
        if phase.is_final:
            return
        if snapshot.artifact is None:
            if self._nothing_left():
                self._finish("Every todo was cancelled: there is nothing to build.")
            else:
                self.plan_project()
                self._ensure_work()
            return
        reviewer = snapshot.states.get("reviewer")
        reviewed = reviewer.long_term.reviewed_artifact if reviewer else 0
        if reviewed < snapshot.artifact.number:
            if phase is not Phase.REVIEWING:
                self._set_phase(Phase.REVIEWING)
                self._said.append("All is built; the newest version waits for its review.")
            return
        self._finish(
            f"All is built and version {snapshot.artifact.number} is reviewed: the project is complete."
        )

    def _finish(self, said: str) -> None:
        """End the project: it is complete, with `said`, or parts of the idea are missing."""
        idea = self._snapshot.idea
        reading = None if idea is None else idea.reading
        if reading is not None and reading.missing:
            self._set_phase(Phase.PARTIAL)
            self._said.append(ending_of(reading, self._snapshot.stack.name))
        else:
            self._set_phase(Phase.COMPLETE)
            self._said.append(said)

    def _ensure_work(self) -> None:
        if self._new_todos:
            self._set_phase(Phase.BUILDING)
        else:
            self._finish("There is nothing to build.")

    def _nothing_left(self) -> bool:
        return any(t.status is TodoStatus.CANCELLED for t in self._snapshot.todos)

    def _was_cancelled(self, key: str) -> bool:
        return any(
            t.status is TodoStatus.CANCELLED
            and isinstance(step := step_of(t), AddSection)
            and step.section.key == key
            for t in self._snapshot.todos
        )

    def _follow(self, recommendation: str) -> None:
        noted: dict[str, JsonValue] = {"recommendation": recommendation}
        check = check_of(recommendation)
        if check in _PART_OF_CHECK:
            part = _PART_OF_CHECK[check]
            self._create(describe(AddPart(part=part), ()), 3, AddPart(part=part), noted)
        elif missing := self._todo(todo_missing_in(recommendation)):
            step = step_of(missing)
            noted["makes_up_for"] = missing.id
            self._create(missing.content, 5, step, noted)
        elif check is None and (wish := understand(recommendation, self._sections)).is_change:
            for step in wish.steps:
                self._create(describe(step, self._sections), 4, step, noted)
        else:
            self._create(
                one_line(f"Put right what the review found: {recommendation}", 600), 5, Rebuild(), noted
            )

    def _todo(self, todo_id: str | None) -> Todo | None:
        return next((t for t in self._snapshot.todos if t.id == todo_id), None)

    def _create(
        self, content: str, priority: int, step: Step | None, noted: dict[str, JsonValue] | None = None
    ) -> None:
        metadata: dict[str, JsonValue] = dict(noted or {})
        if step is not None:
            metadata["step"] = step.model_dump(mode="json", exclude_defaults=False)
        if isinstance(step, AddSection):
            metadata |= {"component": step.section.component, "feature": step.section.title}
            if all(s.key != step.section.key for s in self._sections):
                self._sections.append(step.section)
        elif isinstance(step, RemoveSection):
            self._sections = [s for s in self._sections if s.key != step.key]
        self._effects.append(
            CreateTodo(content=one_line(content, 1_000), priority=priority, metadata=metadata)
        )
        self._new_todos += 1

    def _set_phase(self, phase: Phase) -> None:
        if self._snapshot.stack.phase is not phase:
            self._effects.append(SetPhase(phase=phase))


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
