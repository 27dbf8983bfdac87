"""The dialog that creates a team."""

from recursor.actors.messages import CreateStack
from recursor.domain.errors import InvalidInputError
from recursor.domain.new_records import new_idea, new_stack
from recursor.domain.settings import Overrides, Settings
from recursor.domain.stack import Stack
from recursor.web.dashboard.duplicate_names import duplicate_name_note
from recursor.web.dashboard.field_error import field_error
from recursor.web.dashboard.page import PageContext
from recursor.web.dashboard.parts import Box, Button, Field, Modal


class NewTeam:
    """Asks for a name, an idea and a model, and creates the team."""

    def __init__(self, page: PageContext) -> None:
        """Build it, closed."""
        self._page = page
        with Modal("New team") as self._modal:
            self._name = Field(
                "Name", required=True, longest=200, placeholder="Habits", on_change=self._named,
                on_enter=self._create_and_start,
            )  # fmt: skip
            self._idea = Field(
                "Idea", "area", required=True, longest=20_000, rows=5, on_enter=self._create_and_start,
                placeholder="A habit tracker with streaks and a weekly chart",
                hint="Describe what the team should build. Ctrl+Enter creates it.",
            )  # fmt: skip
            self._usual = page.engine.settings.model.name
            self._model = Field(
                "Model", required=True, longest=500, value=self._usual, on_enter=self._create_and_start,
                hint="scripted (no model, works offline), or a model for which the runner "
                "has a key, such as openai:gpt-5-mini.",
            )  # fmt: skip
            with Box(classes="modal-foot"):
                Button("Cancel", self._modal.close, kind="plain")
                self._only = Button("Create", self._create)
                self._both = Button("Create and start", self._create_and_start, icon="play", kind="primary")

    def open(self) -> None:
        """Show it."""
        self._modal.open()
        self._name.focus()

    def _named(self, name: str) -> None:
        self._name.remark(duplicate_name_note(self._page.engine, name))

    async def _create(self) -> None:
        await self._make(start=False)

    async def _create_and_start(self) -> None:
        await self._make(start=True)

    async def _make(self, *, start: bool) -> None:
        now = self._page.engine.now()
        stack = idea = None
        self._name.complain(None)
        self._idea.complain(None)
        self._model.complain(None)
        model = self._model.value.strip()
        chosen: Overrides = {} if model == self._usual else {"model": {"name": model}}
        try:
            Settings().overridden(chosen)
        except InvalidInputError as error:
            self._model.complain(field_error(error, model))
            self._model.focus()
            return
        try:
            stack = new_stack(self._name.value, now, chosen)
        except InvalidInputError as error:
            self._name.complain(field_error(error, self._name.value))
        try:
            idea = new_idea("" if stack is None else stack.id, self._idea.value, now)
        except InvalidInputError as error:
            self._idea.complain(field_error(error, self._idea.value))
        if stack is None or idea is None:
            (self._name if stack is None else self._idea).focus()
            return
        button, said = (self._both, "Create and start") if start else (self._only, "Create")
        button.say("Creating…", busy=True)
        idea = self._page.engine.understood(idea, chosen)
        made = await self._page.ask(CreateStack(stack, idea, start))
        button.say(said)
        if isinstance(made, Stack):
            self._modal.close()
            self._name.value = self._idea.value = ""
            self._name.remark("")
            self._model.value = self._usual
            self._page.open(f"/teams/{made.id}")
