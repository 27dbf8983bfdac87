"""The dialog that creates a team."""

from urllib.parse import urlsplit

from pydantic import JsonValue

from recursor.actors.messages import CreateStack
from recursor.domain.errors import InvalidInputError
from recursor.domain.new_records import new_idea, new_stack, new_workspace
from recursor.domain.settings import Overrides
from recursor.domain.stack import Stack, StackKind
from recursor.web.dashboard.duplicate_names import duplicate_name_note
from recursor.web.dashboard.field_error import field_error
from recursor.web.dashboard.page import PageContext
from recursor.web.dashboard.parts import Box, Button, Field, Modal, Segments
from recursor.web.dashboard.tabs.setting import all_settings

_KINDS = {StackKind.PAGE.value: "A page", StackKind.WORKSPACE.value: "A git repository"}


class NewTeam:
    """Asks for a name, an idea, what to work on and a model, and creates the team."""

    def __init__(self, page: PageContext) -> None:
        """Build it, closed."""
        self._page = page
        self._defaults = page.engine.settings
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
            self._kind = Segments("What the team works on", _KINDS, StackKind.PAGE.value, self._choose_kind)
            with Box(classes="stack") as self._repository:
                self._origin = Field(
                    "Repository", longest=2_000, placeholder="/home/ada/docs-site",
                    hint="A path on the runner's machine or a URL to clone; empty for a new one.",
                )  # fmt: skip
                self._checks = Field(
                    "Checks", "area", longest=20_000, rows=2, placeholder="pytest -q",
                    hint="Commands that must pass before a commit is merged, one on each line.",
                )  # fmt: skip
                self._builders = Field(
                    "Builders", value=str(self._defaults.workspace.builders), longest=3,
                    hint="How many todos are worked on at once.",
                )  # fmt: skip
                self._agent = Field(
                    "Agent", longest=2_000, value=self._defaults.agent.name,
                    hint="Who builds: model (the one below, with tools), acp:opencode or another agent that "
                    "speaks ACP, or command: and a command.",
                )  # fmt: skip
            self._repository.set_visibility(False)
            self._usual = self._defaults.model.name
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

    def _choose_kind(self, kind: str) -> None:
        self._repository.set_visibility(kind == StackKind.WORKSPACE)

    def _of_repository(self) -> dict[Field, tuple[str, str]]:
        """Return the fields of the settings of a repository, with their sections and keys."""
        return {
            self._checks: ("workspace", "checks"),
            self._builders: ("workspace", "builders"),
            self._agent: ("agent", "name"),
        }

    def _settings(self) -> Overrides | None:
        """Return the chosen settings that differ from those of all teams; None if one is invalid, which its
        field shows."""
        fields = {self._model: ("model", "name")}
        if self._kind.chosen == StackKind.WORKSPACE:
            fields |= self._of_repository()
        known = {(each.section, each.key): each for _, group in all_settings().values() for each in group}
        chosen: dict[str, dict[str, JsonValue]] = {}
        for field, (section, key) in fields.items():
            setting = known[section, key]
            text = field.value.strip()
            if text == setting.told(getattr(getattr(self._defaults, section), key)):
                continue
            try:
                chosen.setdefault(section, {})[key] = setting.check(text)
            except InvalidInputError as error:
                field.complain(field_error(error, text))
                field.focus()
                return None
        return chosen

    def _named(self, name: str) -> None:
        self._name.remark(duplicate_name_note(self._page.engine, name))

    async def _create(self) -> None:
        await self._make(start=False)

    async def _create_and_start(self) -> None:
        await self._make(start=True)

    async def _make(self, *, start: bool) -> None:
        now = self._page.engine.now()
        stack = idea = None
        for field in (self._name, self._idea, self._model, self._origin, *self._of_repository()):
            field.complain(None)
        chosen = self._settings()
        if chosen is None:
            return
        kind = StackKind(self._kind.chosen)
        try:
            stack = new_stack(self._name.value, now, chosen, kind)
        except InvalidInputError as error:
            self._name.complain(field_error(error, self._name.value))
        try:
            idea = new_idea("" if stack is None else stack.id, self._idea.value, now)
        except InvalidInputError as error:
            self._idea.complain(field_error(error, self._idea.value))
        if stack is None or idea is None:
            (self._name if stack is None else self._idea).focus()
            return
        workspace = None
        if kind is StackKind.WORKSPACE:
            origin = self._origin.value.strip() or None
            try:
                workspace = new_workspace(stack, origin, now)
                _check_origin(origin)
            except InvalidInputError as error:
                self._origin.complain(field_error(error, origin or ""))
                self._origin.focus()
                return
        button, said = (self._both, "Create and start") if start else (self._only, "Create")
        button.say("Creating…", busy=True)
        if kind is StackKind.PAGE:
            idea = self._page.engine.understood(idea, chosen)
        made = await self._page.ask(CreateStack(stack, idea, start, workspace))
        button.say(said)
        if isinstance(made, Stack):
            self._modal.close()
            self._name.value = self._idea.value = ""
            self._name.remark("")
            self._model.value = self._usual
            self._origin.value = self._checks.value = ""
            self._page.open(f"/teams/{made.id}")


def _check_origin(origin: str | None) -> None:
    """Check what anybody can see of a source; the first run clones it.

    Raises:
        InvalidInputError: it is a relative path, or contains a password.
    """
    if origin is None:
        return
    parts = urlsplit(origin)
    if parts.password is not None or (parts.username is not None and parts.scheme != "ssh"):
        raise InvalidInputError(
            "workspace: origin: contains a user name or password, and everyone can see it: clone it with "
            "your own git, and give the path"
        )
    if ":" not in origin and not origin.startswith("/"):
        raise InvalidInputError("workspace: origin: is relative: give an absolute path or a URL")
