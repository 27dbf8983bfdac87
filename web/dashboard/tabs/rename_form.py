"""Renames a team."""

from collections.abc import Callable

from recursor.actors.messages import RenameStack
from recursor.domain.errors import InvalidInputError
from recursor.domain.new_records import new_stack
from recursor.domain.stack import Stack
from recursor.web.dashboard.duplicate_names import duplicate_name_note
from recursor.web.dashboard.field_error import field_error
from recursor.web.dashboard.parts import Box, Button, Field, Section, Span
from recursor.web.dashboard.team.tab import Team


class RenameForm:
    """The team's name, editable."""

    def __init__(self, team: Team, name: str, on_change: Callable[[], None]) -> None:
        """Build it.

        Args:
            team: the team.
            name: its name.
            on_change: called after a person changed it, or it was saved.
        """
        self._team = team
        self._name = name
        self._on_change = on_change
        with Section("Name"), Box(classes="card setting-name"):
            self._field = Field(
                "Team name", value=name, longest=200, required=True,
                on_change=self._changed, on_enter=self._save,
            )  # fmt: skip
            self._saving = Button("Rename", self._save)
            self._mark = Span("", "setting-mark")

    @property
    def changed(self) -> bool:
        """Whether a person has typed another name but not saved it."""
        return self._field.value.strip() != self._name

    def show(self, stack: Stack) -> None:
        """Show the current name; unsaved text stays."""
        if self._field.value == self._name != stack.name:
            self._field.value = stack.name
        self._name = stack.name
        self._say()

    def _changed(self, _: str) -> None:
        self._say()
        self._field.remark(duplicate_name_note(self._team.engine, self._field.value, besides=self._team.id))
        self._on_change()

    def _say(self) -> None:
        self._mark.text = f"Unsaved; now: {self._name}" if self.changed else ""

    async def _save(self) -> None:
        try:
            name = new_stack(self._field.value, self._team.engine.now()).name
        except InvalidInputError as error:
            self._field.complain(field_error(error, self._field.value))
            self._field.focus()
            return
        self._field.complain(None)
        if name == self._name:
            self._field.value = name
            return
        self._saving.say("Renaming…", busy=True)
        renamed = await self._team.ask(RenameStack(self._team.id, name), f"Renamed to {name}.")
        self._saving.say("Rename")
        if isinstance(renamed, Stack):
            self._field.value = self._name = renamed.name
            self._say()
            self._on_change()
