"""The idea of a project: shown, and edited in place."""

from recursor.actors.messages import SetIdea
from recursor.domain.errors import InvalidInputError
from recursor.domain.new_records import new_idea
from recursor.domain.project import IdeaReading, ProjectIdea
from recursor.domain.stack import ExecutionState, Stack
from recursor.storage.stacks import read_stack
from recursor.storage.tables import WORKSPACES
from recursor.web.dashboard.field_error import field_error
from recursor.web.dashboard.parts import Box, Button, Empty, Field, Moment, Notice, Section, Span
from recursor.web.dashboard.team.tab import Team

_WHEN = {
    ExecutionState.IDLE: "as soon as the team is started",
    ExecutionState.RUNNING: "at once",
    ExecutionState.PAUSED: "as soon as the team is resumed",
    ExecutionState.STOPPED: "as soon as the team is started again",
}


class Idea:
    """The project's idea, in a person's words."""

    def __init__(self, team: Team) -> None:
        """Build it, empty."""
        self._team = team
        self._idea: ProjectIdea | None = None
        self._before: str | None = None
        self._busy = False
        with Section("Idea") as section:
            with section.head:
                self._edit = Button("Edit the idea", self._begin, icon="edit")
            with Box(classes="card"):
                with Box() as self._shown:
                    self._text = Span("", "written idea-text", tag="p", dir="auto")
                    with Box(classes="stack"):
                        self._reading = [Notice("", "info", "bulb"), Notice("", "warn")]
                    with Box("p", "muted idea-about"):
                        self._by = Span()
                        self._at = Moment(None, "ago", otherwise="")
                self._none = Empty(
                    "bulb", "No idea yet",
                    "Describe the project. Without an idea, the planner chooses a small one.",
                )  # fmt: skip
                with Box(classes="stack") as self._form:
                    self._field = Field(
                        "Idea", "area", required=True, longest=20_000, rows=8, on_enter=self._save,
                        hint="In your own words. Ctrl+Enter saves it.",
                    )  # fmt: skip
                    self._effect = Notice("", "info", "bulb")
                    self._meanwhile = Notice(
                        "Another person changed the idea. Saving overwrites that change.",
                        "warn",
                    )
                    with Box(classes="modal-foot"):
                        Button("Discard changes", self._leave, kind="plain")
                        self._saving = Button("Save the idea", self._save, kind="primary")
        self._form.set_visibility(False)

    def show(self, idea: ProjectIdea | None, stack: Stack) -> None:
        """Show the current idea; unsaved text stays."""
        self._idea = idea
        editing = self._form.visible
        self._none.set_visibility(idea is None and not editing)
        self._shown.set_visibility(idea is not None and not editing)
        self._edit.set_visibility(not editing)
        self._edit.say("Edit the idea" if idea is not None else "Write the idea")
        if idea is not None:
            self._text.text = idea.idea
            self._by.text = f"{_done(idea)} "
            self._show_reading(idea.reading)
            self._at.show(idea.updated_at)
        self._effect.say(
            f"The planner reads the new idea {_WHEN[stack.state]}, and plans title, description and features "
            "again. Existing todos and versions stay; cancel those that no longer fit under Todos.",
            "info", "bulb",
        )  # fmt: skip
        self._meanwhile.set_visibility(editing and (idea.idea if idea else None) != self._before)

    def _show_reading(self, reading: IdeaReading | None) -> None:
        """Show the scripted team's reading of the idea, and the parts that it does not understand."""
        made, missing = self._reading
        made.set_visibility(reading is not None and bool(reading.recognised))
        missing.set_visibility(reading is not None and bool(reading.missing))
        if reading is not None:
            made.say(f"Scripted team. It recognises: {'; '.join(reading.recognised)}.", "info", "bulb")
            why = f"{reading.refusal} " if reading.refusal else ""
            parts = "; ".join(reading.missing)
            missing.say(
                f"Scripted team. {why}It does not understand, and does not make: {parts}. "
                "A model may: choose one in the settings, and add this as a todo.",
                "warn",
            )

    def _begin(self) -> None:
        self._before = self._idea.idea if self._idea is not None else None
        self._field.value = self._before or ""
        self._field.complain(None)
        self._toggle(editing=True)
        self._field.focus()

    def _leave(self) -> None:
        self._toggle(editing=False)
        self._edit.focus()

    def _toggle(self, *, editing: bool) -> None:
        self._form.set_visibility(editing)
        self._meanwhile.set_visibility(False)
        self._shown.set_visibility(self._idea is not None and not editing)
        self._none.set_visibility(self._idea is None and not editing)
        self._edit.set_visibility(not editing)

    async def _save(self) -> None:
        if self._busy:
            return
        try:
            idea = new_idea(self._team.id, self._field.value, self._team.engine.now())
            with self._team.read() as reader:
                overrides = read_stack(reader, self._team.id).settings
                workspace = WORKSPACES.get(reader, self._team.id)
            idea = self._team.engine.understood(idea, overrides, workspace)
        except InvalidInputError as error:
            self._field.complain(field_error(error, self._field.value))
            self._field.focus()
            return
        if self._idea is not None and idea.idea == self._idea.idea:
            self._leave()
            return
        self._busy = True
        self._saving.say("Saving…", busy=True)
        saved = await self._team.ask(SetIdea(idea), "Idea saved.")
        self._saving.say("Save the idea")
        self._busy = False
        if isinstance(saved, ProjectIdea):
            self._idea = saved
            self._text.text = saved.idea
            self._leave()


def _done(idea: ProjectIdea) -> str:
    if idea.updated_by != "user":
        return f"Last planned by the {idea.updated_by}"
    return "Written by a person" if idea.updated_at == idea.created_at else "Changed by a person"
