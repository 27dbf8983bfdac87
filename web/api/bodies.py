"""Request bodies. Values are checked when records are created, so that errors are the same everywhere."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, WithJsonSchema

from recursor.domain.commands import Command
from recursor.domain.graph import MAX_DOLLARS, MAX_TOKENS
from recursor.domain.record import Record
from recursor.domain.spending import KINDS, BudgetChanges
from recursor.domain.stack import StackKind
from recursor.domain.workspace import MAX_PATHS
from recursor.web.api.overrides import NewSettings
from recursor.web.api.parameters import RECORD_ID, STACK_ID, StackNamed

# With the id of the new record in the request, repeating it creates nothing twice.
NewStackId = Annotated[str, Field(pattern=STACK_ID)]
NewId = Annotated[str, Field(pattern=RECORD_ID)]

# Todos that one todo may need.
MAX_NEEDS = 100

_LINE = r"\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029"


def _text(longest: int, without: str = r"\x00") -> WithJsonSchema:
    """Describe the strings that records accept: not only white space, and without the characters
    `without`."""
    pattern = rf"^[^{without}]*[^\s{without}][^{without}]*$"
    return WithJsonSchema({"type": "string", "minLength": 1, "maxLength": longest, "pattern": pattern})


Line = Annotated[str, _text(200, _LINE)]
Text = Annotated[str, _text(20_000)]
TodoText = Annotated[str, _text(2_000)]
PathText = Annotated[
    str, WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 1_000, "pattern": r"^[^\x00]+$"})
]
Priority = Annotated[int, WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 5})]
Switch = Annotated[bool, Field(strict=True)]
Needs = Annotated[tuple[NewId, ...], Field(max_length=MAX_NEEDS)]
Paths = Annotated[tuple[PathText, ...], Field(max_length=MAX_PATHS)]


class Body(Record):
    """A closed request body."""

    # FastAPI prepares each model anyway, and incorrectly if that was deferred.
    model_config = ConfigDict(defer_build=False)


class NewAnswer(Body):
    """A person's answer to a request for approval."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"approved": False, "note": "fine, but keep the old flag"}]}
    )

    approved: Switch
    note: Text | None = None
    """For the agents."""


class NewStack(Body):
    """A new stack."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "Garden", "idea": "a planner for small gardens", "start": True},
                {"name": "Slow and steady", "settings": {"pause": {"between_looks": 120}}},
                {
                    "name": "Search",
                    "repo": "https://git.example/docs-site.git",
                    "settings": {"workspace": {"checks": ["pytest -q"], "builders": 4}},
                },
            ]
        }
    )

    id: NewStackId | None = None
    """The new stack's id. Repeating the request with the same id creates no second stack."""
    name: Line
    kind: StackKind | None = None
    """What it works on: by default a page, or with `repo` a workspace."""
    repo: Annotated[str, Field(min_length=1, max_length=2_000)] | None = None
    """For a workspace: the git repository to clone, an absolute path on the runner's machine or a URL; by
    default a new one is made."""
    branch: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """For a workspace: the branch to clone; by default the one that is checked out there."""
    idea: Text | None = None
    settings: NewSettings = Field(default={})
    """Overrides of the runner's settings, by section and key."""
    start: Switch = False
    """Whether to start it at once."""


class NewLimits(Body):
    """The budget of all stacks together; null removes a limit set here, and omitted limits stay."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"dollars": "50"}]})

    tokens: Annotated[int, Field(ge=0, le=MAX_TOKENS, strict=True)] | None = None
    dollars: Annotated[Decimal, Field(ge=0, le=MAX_DOLLARS, allow_inf_nan=False)] | None = None
    runs_per_hour: Annotated[int, Field(ge=0, le=MAX_TOKENS, strict=True)] | None = None

    def changes(self) -> BudgetChanges:
        """Return the given limits."""
        return {kind: getattr(self, kind) for kind in KINDS if kind in self.model_fields_set}


class NewName(Body):
    """A new name for a stack."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Kitchen garden"}]})

    name: Line


class ControlStacks(Body):
    """A command for several stacks."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"command": "pause", "stacks": ["4f1d2c3b5a697887", "0a1b2c3d4e5f6071"]},
                {"command": "resume", "stacks": "all"},
            ]
        }
    )

    command: Command
    stacks: Annotated[
        Annotated[Literal["all"], Tag("all")]
        | Annotated[list[StackNamed], Field(min_length=1, max_length=10_000), Tag("ids")],
        # Without it, an error in one of the ids would also be reported as not being "all".
        Discriminator(lambda stacks: "all" if isinstance(stacks, str) else "ids"),
    ]
    """Their ids or names, or "all" for every stack that the command would change."""


class NewUserMessage(Body):
    """A visitor's message to a stack."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"sender": "Ada", "content": "Could you add a search?"}]}
    )

    id: NewId | None = None
    """The new message's id. Repeating the request with the same id sends no second message."""
    sender: Line
    content: Text


class NewMessage(Body):
    """A message from a stack to another one, or to all others."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"to_stack_id": "0a1b2c3d4e5f6071", "content": "We publish a list of plants: use it."},
                {"to_stack_id": None, "content": "The names of months are in English from now on."},
            ]
        }
    )

    id: NewId | None = None
    """The new message's id. Repeating the request with the same id sends no second message."""
    to_stack_id: StackNamed | None = None
    """The receiver, by id or name; null for all other stacks."""
    content: Text


class NewTodo(Body):
    """A new todo."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"content": "Let visitors print the plan", "priority": 4}]}
    )

    id: NewId | None = None
    """The new todo's id. Repeating the request with the same id creates no second todo."""
    content: TodoText
    priority: Priority = 3
    """1 to 5; 5 is most urgent."""
    needs: Needs = ()
    """The ids of the stack's todos that must be completed first."""
    paths: Paths = ()
    """The files and folders of the repository that it is about: two todos about the same ones are not worked
    on at once."""


class ChangedTodo(Body):
    """Changes to an open todo; omitted fields stay as they are."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"priority": 5}]})

    content: TodoText | None = None
    priority: Priority | None = None
    """1 to 5; 5 is most urgent."""
    needs: Needs | None = None
    """The ids of the stack's todos that must be completed first."""
    paths: Paths | None = None
    """The files and folders of the repository that it is about."""


class NewPull(Body):
    """Commits of a person, whose objects are in the stack's repository already."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"commit": "9c1185a5c5e9fc54612808977ee8f548b2258d31", "source": "main of /home/ada/site"}
            ]
        }
    )

    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    source: Line
    """Where they come from, for people."""


class NewIdea(Body):
    """A stack's idea."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"idea": "a planner for small gardens, with a calendar"}]}
    )

    idea: Text
