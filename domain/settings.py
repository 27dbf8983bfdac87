"""All thresholds, intervals, keywords, pauses and limits, with defaults. Seconds and bytes throughout."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, StringConstraints, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from recursor.domain.approval import ApprovalRule
from recursor.domain.errors import SECRET, InvalidInputError, unknown_key
from recursor.domain.graph import MAX_DOLLARS, MAX_TOKENS
from recursor.domain.hosts import AllowedHost
from recursor.domain.rates import Rates
from recursor.domain.record import Line, Record, RoleName
from recursor.domain.spending import Budget
from recursor.domain.workspace import CheckCommand

SCRIPTED = "scripted"
MODEL_PATTERN = r"^(scripted|[a-z][a-z0-9_.-]*:[!-~]+)$"


def _model(value: Any) -> Any:
    if isinstance(value, str) and not re.match(MODEL_PATTERN, value):
        raise PydanticCustomError(
            "model", "must be scripted, or PROVIDER:MODEL, such as openai:gpt-5-mini or local:PATH.gguf"
        )
    return value


ModelName = Annotated[str, StringConstraints(pattern=MODEL_PATTERN, max_length=500), BeforeValidator(_model)]


AGENT_PATTERN = r"^(model|acp:.+|command:.+)$"


def _agent(value: Any) -> Any:
    if isinstance(value, str) and not re.match(AGENT_PATTERN, value):
        raise PydanticCustomError(
            "agent", "must be model, acp:NAME, acp:COMMAND or command:COMMAND, such as acp:opencode"
        )
    return value


AgentName = Annotated[
    str, StringConstraints(pattern=AGENT_PATTERN, max_length=2_000), BeforeValidator(_agent)
]


def _address(value: Any) -> Any:
    if isinstance(value, str) and re.match(r"^https?://[^/?#]*@", value):
        # Everybody can see settings.
        raise PydanticCustomError(
            SECRET,
            "contains a user name or password, and everyone can see settings: set OPENAI_API_KEY",
        )
    return value


Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$"), BeforeValidator(_address)]


def _allowed_host(value: Any) -> Any:
    if isinstance(value, str):
        try:
            AllowedHost.parsed(value)
        except ValueError:
            raise PydanticCustomError(
                "host", "must be HOST or HOST:PORT, such as pypi.org, 192.168.1.20:8000 or [::1]:8000"
            ) from None
    return value


HostName = Annotated[
    str, StringConstraints(max_length=300, pattern=r"^[A-Za-z0-9._:\[\]-]+$"), BeforeValidator(_allowed_host)
]

Overrides = Mapping[str, Mapping[str, JsonValue]]

_json: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


class DetectionSettings(Record):
    """When a role has work."""

    cache_ttl: float = Field(default=5.0, ge=0)
    """Seconds for which a work status is reused while the stack does not change."""
    planner_period: float = Field(default=300.0, gt=0)
    """Seconds between periodic checks of the planner, if something changed."""
    reviewer_period: float = Field(default=180.0, gt=0)
    """Seconds between periodic checks of the reviewer, if something changed."""
    change_keywords: tuple[Line, ...] = Field(
        default=(
            "add", "change", "could you", "feature", "fix", "broken", "bug", "make it", "instead", "remove",
            "replace", "should", "want", "would like", "need", "please", "update", "improve", "missing",
        ),
        examples=[("fix", "could you", "please")],
    )  # fmt: skip
    """A visitor's message with one of these words asks for a change."""
    long_message: int = Field(default=200, ge=1)
    """A visitor's message of this many characters asks for a change, whatever its words."""
    urgent_todo: int = Field(default=3, ge=1, le=5)
    """A pending todo of this priority or more makes the builder's work urgent."""
    todos_per_review: int = Field(default=2, ge=1)
    """Completed todos after which a new review is due."""
    builder_awaits_planner_from: int = Field(default=7, ge=0, le=10)
    """The builder waits for planner work of this priority or more."""
    minimum_priority: int = Field(default=1, ge=1, le=10)
    """Work below this priority is reported, but not run."""


class PauseSettings(Record):
    """Pauses between checks of a stack."""

    after_work: float = Field(default=1.0, ge=0)
    """Shortest pause after a cycle, in seconds."""
    between_looks: float = Field(default=30.0, gt=0)
    """Longest time between two checks of an incomplete stack, in seconds."""
    first_backoff: float = Field(default=5.0, ge=0)
    """Pause after a failed cycle, in seconds; doubled for each further failure in a row."""
    longest_backoff: float = Field(default=300.0, ge=0)
    """Longest pause after a failed cycle, in seconds."""
    failures_allowed: int = Field(default=5, ge=1)
    """After this many failed cycles in a row, the stack is paused until a person resumes it."""


class LimitSettings(Record):
    """Limits of a run and of a stack's actors."""

    node_seconds: float = Field(default=300.0, gt=0)
    """Time limit of one run of an agent, in seconds."""
    outcome_bytes: int = Field(default=8 * 1024 * 1024, ge=1024)
    """Size limit of an outcome, in bytes. A large page has a few hundred kilobytes."""
    child_deaths: int = Field(default=5, ge=1)
    """The stack is paused after this many failures of its actors within the window."""
    child_death_window: float = Field(default=60.0, gt=0)
    """That window, in seconds."""


class RetentionSettings(Record):
    """How much history a stack keeps. Records that its agents read are never removed."""

    executions: int = Field(default=10_000, ge=1)
    """Number of executions, with their graphs."""
    traces: int = Field(default=10_000, ge=1)
    """Number of traces."""
    days: float = Field(default=30.0, gt=0)
    """Age of executions, graphs, traces and statistics, in days."""
    todos: int = Field(default=10_000, ge=1)
    """Number of completed or cancelled todos."""
    messages: int = Field(default=10_000, ge=1)
    """Number of read messages of other stacks."""
    user_messages: int = Field(default=10_000, ge=1)
    """Number of answered and planned messages of visitors."""
    artifacts: int = Field(default=1_000, ge=1)
    """Number of versions of the page."""
    contents_days: float | None = Field(default=None, gt=0)
    """Age of such todos, messages and versions, in days. Default: no limit."""


class ModelSettings(Record):
    """The model, and how it is called."""

    name: ModelName = Field(default=SCRIPTED, examples=["openai:gpt-5-mini"])
    """A model, named as in pydantic-ai: `openai:gpt-5-mini`, `anthropic:...`, `google:...`, `groq:...`,
    `ollama:...`; or `local:PATH.gguf`; or `scripted` for the team without a model."""
    roles: Mapping[RoleName, ModelName] = Field(
        default_factory=dict, examples=[{"builder": "openai:gpt-5-mini"}]
    )
    """Other models for some roles, by role."""
    fallback: tuple[ModelName, ...] = Field(
        default=(), examples=[("anthropic:claude-haiku-4-5", "groq:llama-3.3-70b-versatile")]
    )
    """Models to try in turn when the one before fails or is overloaded."""
    base_url: Address | None = Field(default=None, max_length=2000, examples=["http://127.0.0.1:8000/v1"])
    """Address of an OpenAI-compatible server for `openai:...`, `openai-chat:...` and
    `openai-responses:...`."""
    output_tokens: int = Field(default=16_000, ge=1)
    """Most tokens of one answer."""
    context_tokens: int | None = Field(default=None, ge=1_000)
    """Most tokens of a question with its answer. Default: the model's known window."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    """Sampling temperature. Default: the provider's."""
    call_seconds: float = Field(default=120.0, gt=0)
    """Time limit of one call of a model, in seconds."""
    retries: int = Field(default=2, ge=0, le=10)
    """How often a call is repeated after an invalid answer."""
    prompts: Line | None = Field(default=None, examples=["/srv/recursor/prompts"])
    """A directory of prompts that replace the standard ones of the same names."""

    def asked_by(self, role: str) -> tuple[str, ...]:
        """Return the models that a role asks, and their address."""
        return (self.of(role), *self.fallback, self.base_url or "")

    def of(self, role: str) -> str:
        """Return the model for `role`."""
        return self.roles.get(role, self.name)

    def chain_of(self, role: str) -> tuple[str, ...]:
        """Return the models to ask in turn for `role`: its own, then its fallbacks."""
        return tuple(dict.fromkeys((self.of(role), *(name for name in self.fallback if name != SCRIPTED))))


class BudgetSettings(Budget):
    """What a stack may spend. It is paused before a call that could exceed it."""

    role_tokens: Mapping[RoleName, Annotated[int, Field(ge=0, le=MAX_TOKENS)]] = Field(
        default_factory=dict, examples=[{"builder": 200_000}]
    )
    """Most tokens for some roles, by role."""
    role_dollars: Mapping[RoleName, Annotated[Decimal, Field(ge=0)]] = Field(
        default_factory=dict, examples=[{"builder": 2.5}]
    )
    """Most US dollars for some roles, by role."""
    role_runs_per_hour: Mapping[RoleName, Annotated[int, Field(ge=0)]] = Field(
        default_factory=dict, examples=[{"builder": 60}]
    )
    """Most runs per hour for some roles, by role."""

    @property
    def whole(self) -> Budget:
        """The part of the budget that all roles share."""
        return Budget(tokens=self.tokens, dollars=self.dollars, runs_per_hour=self.runs_per_hour)

    def of_role(self, role: str) -> Budget:
        """Return the budget of one role."""
        return Budget(
            tokens=self.role_tokens.get(role),
            dollars=self.role_dollars.get(role),
            runs_per_hour=self.role_runs_per_hour.get(role),
        )


class LoopSettings(Record):
    """Pauses a team that repeats itself or works long without input."""

    repetitions: int = Field(default=3, ge=0, le=10)
    """How often the same plan, artifact or review may occur, in a row or alternating, without input from
    people. The next repetition pauses the stack. 0: no limit."""
    runs: int = Field(default=200, ge=0)
    """Runs with proposals after which a stack without input from people or other stacks is paused. 0: no
    limit."""
    tokens: int = Field(default=2_000_000, ge=0, le=MAX_TOKENS)
    """Tokens after which a stack without input is paused. 0: no limit."""
    versions: int = Field(default=100, ge=0)
    """Versions of the artifact after which a stack without input is paused. 0: no limit."""


class ApproveSettings(Record):
    """What agents may do by themselves (`allow`), only if a person agrees (`ask`), or not at all (`deny`)."""

    merge: ApprovalRule = "allow"
    """Merging a commit whose checks pass."""
    run: ApprovalRule = "allow"
    """Running a command in the sandbox."""
    publish: ApprovalRule = "allow"
    """Making a new version of the page."""
    spend_over: Annotated[Decimal, Field(ge=0, le=MAX_DOLLARS)] | None = None
    """US dollars that a team may spend before a person must agree to as much again. Default: no limit."""
    tools: Mapping[str, ApprovalRule] = Field(default_factory=dict, examples=[{"write": "ask"}])
    """Rules for single tools of a model, by name."""
    permissions: Mapping[str, ApprovalRule] = Field(default_factory=dict, examples=[{"execute": "ask"}])
    """Rules for what coding agents ask permission for, by the protocol's kind: read, edit, delete, move,
    search, execute, think, fetch, other."""
    hours: float = Field(default=24.0, gt=0, le=24 * 365)
    """Hours after which a request that nobody answered counts as rejected."""


class AgentSettings(Record):
    """Who does the work on a git repository."""

    name: AgentName = Field(default="model", examples=["acp:opencode"])
    """The agent of the builder: `model`, which asks the model in `model.name` and gives it tools (for
    `scripted`, the scripted team); `acp:NAME` or `acp:COMMAND`, a coding agent that speaks the Agent Client
    Protocol (opencode, gemini, claude, codex); or `command:COMMAND`, a program without a model."""
    roles: Mapping[RoleName, AgentName] = Field(default_factory=dict, examples=[{"builder": "acp:gemini"}])
    """Agents for some roles, by role."""

    def of(self, role: str) -> str:
        """Return the agent for `role`."""
        return self.roles.get(role, self.name if role == "builder" else "model")


class WorkspaceSettings(Record):
    """How a team works on a git repository."""

    builders: int = Field(default=1, ge=1, le=64)
    """How many todos are worked on at once."""
    checks: tuple[CheckCommand, ...] = Field(default=(), max_length=50, examples=[("pytest -q",)])
    """Commands that must exit with status 0 before a commit is merged, run in turn in the sandbox."""
    attempts: int = Field(default=3, ge=1, le=100)
    """Proposed commits for one todo that may fail before a person must change the todo."""
    check_seconds: float = Field(default=600.0, gt=0)
    """Time limit of one check, in seconds."""
    command_seconds: float = Field(default=120.0, gt=0)
    """Time limit of one command that an agent runs, in seconds."""
    turns: int = Field(default=100, ge=2, le=1_000)
    """Answers of a model while it works on one todo, with calls of tools or without."""
    memory_bytes: int = Field(default=2 * 1024**3, ge=64 * 1024**2)
    """Memory of all processes of a command together, in bytes."""
    processes: int = Field(default=256, ge=8, le=10_000)
    """Processes of a command at once."""
    output_bytes: int = Field(default=64 * 1024, ge=1024, le=16 * 1024**2)
    """Bytes of a command's output that are kept: its end."""
    file_bytes: int = Field(default=20 * 1024**2, ge=1024)
    """Size limit of one changed file, in bytes."""
    change_bytes: int = Field(default=200 * 1024**2, ge=1024)
    """Size limit of all changed files of a commit together, in bytes."""
    change_files: int = Field(default=10_000, ge=1)
    """Number of files that one commit may change."""
    disk_bytes: int = Field(default=10 * 1024**3, ge=1024**2)
    """Disk space of a stack's repository and run directories together, in bytes."""
    sandbox: Literal["bwrap", "off"] = "bwrap"
    """What confines commands, checks and agents: bubblewrap, or `off` for nothing."""
    hosts: tuple[HostName, ...] = Field(
        default=(), max_length=200, examples=[("pypi.org", "files.pythonhosted.org", "192.168.1.20:8000")]
    )
    """Hosts that programs in the sandbox can reach, by HTTP and HTTPS: `HOST`, for the ports 80 and 443, or
    `HOST:PORT`. A private address must be named itself. Default: none."""


# Sections of the settings file that stacks do not have.
_OF_THE_RUNNER = ("runner", "sql")


class Settings(Record):
    """All settings, by section. A stack may override any of them for itself."""

    detection: DetectionSettings = DetectionSettings()
    pause: PauseSettings = PauseSettings()
    limits: LimitSettings = LimitSettings()
    retention: RetentionSettings = RetentionSettings()
    model: ModelSettings = ModelSettings()
    budget: BudgetSettings = BudgetSettings()
    loop: LoopSettings = LoopSettings()
    workspace: WorkspaceSettings = WorkspaceSettings()
    agent: AgentSettings = AgentSettings()
    approve: ApproveSettings = ApproveSettings()

    def overridden(self, overrides: Overrides) -> Self:
        """Return these settings with `overrides` (section → key → value) in place.

        Settings by role are merged role by role: other roles keep theirs.

        Raises:
            InvalidInputError: an unknown section or key (the nearest is suggested), or a bad value.
        """
        if not overrides:
            return self
        self.check_keys(overrides)
        return self.but(
            **{name: _revalidated(name, getattr(self, name), values) for name, values in overrides.items()}
        )

    def check_keys(self, overrides: Overrides) -> None:
        """Check that these sections and keys exist, whatever their values.

        Raises:
            InvalidInputError: an unknown section or key; the nearest is suggested.
        """
        for name, values in overrides.items():
            if name in _OF_THE_RUNNER:
                raise InvalidInputError(
                    f"settings: {name} belongs to the runner, not to a stack: set it in recursor.toml, or as "
                    f"RECURSOR_{name.upper()}__KEY"
                )
            section = getattr(self, name, None) if name in type(self).model_fields else None
            if not isinstance(section, Record):
                unknown_key("settings", name, list(type(self).model_fields))
            if not isinstance(values, Mapping):
                raise InvalidInputError(f"settings: {name} is a section: set {name}.KEY")
            known = type(section).model_fields
            for key in values:
                if key not in known:
                    unknown_key("settings", f"{name}.{key}", [f"{name}.{each}" for each in known])


def parse_override(text: str) -> tuple[str, str, JsonValue]:
    """Split `section.key=value`, as typed by a person, into its three parts.

    The value is read as JSON if it is JSON (numbers, true, lists), else as text.

    Raises:
        InvalidInputError: `text` does not have that form.
    """
    path, equals, raw = text.partition("=")
    section, dot, key = path.strip().partition(".")
    if not (equals and dot and section and key):
        raise InvalidInputError(
            f"settings: {text!r} is not SECTION.KEY=VALUE (for example pause.between_looks=10)"
        )
    try:
        value: Any = _json.validate_json(raw)
    except ValidationError:
        value = raw
    return section, key, value


def collect_overrides(texts: list[str]) -> dict[str, dict[str, JsonValue]]:
    """Collect several `section.key=value` into overrides, checked against the existing settings.

    Raises:
        InvalidInputError: the form, a key or a value is wrong.
    """
    collected: dict[str, dict[str, JsonValue]] = {}
    for text in texts:
        section, key, value = parse_override(text)
        collected.setdefault(section, {})[key] = value
    Settings().overridden(collected)
    return collected


def _revalidated(name: str, section: Record, values: Mapping[str, JsonValue]) -> Record:
    known = section.model_dump()
    over = {key: _over(known[key], value) for key, value in values.items()}
    try:
        return type(section).model_validate({**known, **over})
    except ValidationError as error:
        raise InvalidInputError.explaining(f"settings.{name}", error) from None


def _over(known: object, value: JsonValue) -> object:
    return {**known, **value} if isinstance(known, dict) and isinstance(value, Mapping) else value


class RunnerSettings(Record):
    """Settings of a runner, not of a stack."""

    agents: int = Field(default=8, ge=1, le=10_000)
    """How many agents may run at once, over all stacks."""
    budget_tokens: int | None = Field(default=None, ge=0, le=MAX_TOKENS)
    """Most tokens for all stacks together."""
    budget_dollars: Decimal | None = Field(default=None, ge=0, le=MAX_DOLLARS)
    """Most US dollars for all stacks together."""
    budget_runs_per_hour: int | None = Field(default=None, ge=0)
    """Most runs per hour with model calls, over all stacks."""
    control_threads: int = Field(default=1, ge=1, le=64)
    """Threads of the orchestrator. They never block, so one is enough, unless Python runs without its global
    lock."""
    rates: Rates = Field(default_factory=dict)
    """Rates of calls, by `PROVIDER` or `PROVIDER:MODEL`: `requests_per_minute`, `tokens_per_minute`,
    `concurrent`."""
    model_hosts: tuple[Line, ...] = Field(default=(), examples=[("models.example:8000", "192.168.1.20")])
    """Hosts (`HOST` or `HOST:PORT`) that a stack's `model.base_url` may name, besides OpenAI's and that of
    the runner's own `model.base_url`. They are sent the key."""
    passivate_after: float = Field(default=10.0, ge=0)
    """Seconds without work after which a stack's actors are removed from memory."""
    storage_retry: float = Field(default=5.0, gt=0)
    """Seconds between attempts to write to a full disk."""

    @property
    def budget(self) -> Budget:
        """The budget of all stacks together."""
        return Budget(
            tokens=self.budget_tokens,
            dollars=self.budget_dollars,
            runs_per_hour=self.budget_runs_per_hour,
        )
