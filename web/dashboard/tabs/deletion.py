"""Deletes a team, after its name has been typed."""

from recursor.actors.messages import DeleteStack
from recursor.domain.stack import Stack
from recursor.web.dashboard.parts import Box, Button, Field, Modal, Section, Span
from recursor.web.dashboard.team.tab import Team


class Deletion:
    """The button, and the dialog that confirms it."""

    def __init__(self, team: Team) -> None:
        """Build it."""
        self._team = team
        self._name = ""
        with Section("Delete the team"), Box(classes="card setting-delete"):
            said = "Deletes its project, todos, messages, versions and history. Only a backup restores them."
            Span(said, "soft", tag="p")
            Button("Delete the team", self._open, icon="trash", kind="danger")
        with Modal("Delete the team?") as self._modal:
            self._asked = Span("", "written", tag="p")
            self._typed = Field("Name of the team", on_enter=self._delete)
            with Box(classes="modal-foot"):
                Button("Keep it", self._modal.close, kind="plain")
                Button("Delete permanently", self._delete, icon="trash", kind="danger")

    def show(self, stack: Stack) -> None:
        """Show the team's name."""
        self._name = stack.name
        self._asked.text = f"Type the team's name to delete it permanently: {stack.name}"

    def _open(self) -> None:
        self._typed.value = ""
        self._typed.complain(None)
        self._modal.open()
        self._typed.focus()

    async def _delete(self) -> None:
        if self._typed.value.strip() != self._name:
            self._typed.complain(f"The name is: {self._name}")
            self._typed.focus()
            return
        # Leave this page first: it would report that the team does not exist.
        self._team.page.open("/")
        await self._team.ask(DeleteStack(self._team.id), f"Deleted: {self._name}")
