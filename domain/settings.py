"""Every threshold, interval, keyword, pause and limit, with its default. Seconds and bytes throughout."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, JsonValue, StringConstraints, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from recursor.domain.errors import SECRET, InvalidInputError, unknown_key
from recursor.domain.graph import MAX_DOLLARS, MAX_TOKENS
from recursor.domain.rates import Rates
from recursor.domain.record import Line, Record, RoleName
from recursor.domain.spending import Budget

SCRIPTED = "scripted"
MODEL_PATTERN = r"^(scripted|[a-z][a-z0-9_.-]*:[!-~]+)$"


def _model(value: Any) -> Any:
    if isinstance(value, str) and not re.match(MODEL_PATTERN, value):
        raise PydanticCustomError(
            "model", "must be scripted, or PROVIDER:MODEL, such as openai:gpt-5-mini or local:PATH.gguf"
        )
    return value


ModelName = Annotated[str, StringConstraints(pattern=MODEL_PATTERN, max_length=500), BeforeValidator(_model)]


def _address(value: Any) -> Any:
    if isinstance(value, str) and re.match(r"^https?://[^/?#]*@", value):
        # Settings are shown to everybody.
        raise PydanticCustomError(
            SECRET, "has a name or a password in it, and everybody sees settings: give OPENAI_API_KEY instead"
        )
    return value


Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$"), BeforeValidator(_address)]

Overrides = Mapping[str, Mapping[str, JsonValue]]

_json: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


class DetectionSettings(Record):
    """When a role has work."""

    cache_ttl: float = Field(default=5.0, ge=0)
    """Seconds for which a work status is taken from memory when nothing was written to the stack since."""
    planner_period: float = Field(default=300.0, gt=0)
    """Seconds after which the planner looks again, if something changed."""
    reviewer_period: float = Field(default=180.0, gt=0)
    """Seconds after which the reviewer looks again, if something changed."""
    change_keywords: tuple[Line, ...] = Field(
        default=(
            "add", "change", "could you", "feature", "fix", "broken", "bug", "make it", "instead", "remove",
            "replace", "should", "want", "would like", "need", "please", "update", "improve", "missing",
        ),
        examples=[("fix", "could you", "please")],
    )  # fmt: skip
    """A visitor's message with one of these words asks for a change."""
    long_message: int = Field(default=200, ge=1)
    """Characters from which a visitor's message asks for a change whatever its words."""
    urgent_todo: int = Field(default=3, ge=1, le=5)
    """Priority from which a pending todo makes the builder's work urgent."""
    todos_per_review: int = Field(default=2, ge=1)
    """Completed todos since the last review that call for a new one."""
    builder_awaits_planner_from: int = Field(default=7, ge=0, le=10)
    """Priority of the planner's work from which the builder waits for it."""
    minimum_priority: int = Field(default=1, ge=1, le=10)
    """Work below this priority is reported but not run."""


class PauseSettings(Record):
    """How long to wait before the next look."""

    after_work: float = Field(default=1.0, ge=0)
    """Least seconds of a pause after a cycle."""
    between_looks: float = Field(default=30.0, gt=0)
    """Most seconds between two looks at a stack that is not complete."""
    first_backoff: float = Field(default=5.0, ge=0)
    """Seconds after the first failed cycle; doubled by every further one in a row."""
    longest_backoff: float = Field(default=300.0, ge=0)
    """Most seconds after a failed cycle."""
    failures_allowed: int = Field(default=5, ge=1)
    """Failed cycles in a row after which the stack is paused until a person resumes it."""


class LimitSettings(Record):
    """What a run may take."""

    node_seconds: float = Field(default=300.0, gt=0)
    """Time limit of one run of an agent."""
    outcome_bytes: int = Field(default=8 * 1024 * 1024, ge=1024)
    """Size limit of what one run may propose. A page of a few hundred kilobytes is a large one."""
    child_deaths: int = Field(default=5, ge=1)
    """Deaths of a stack's actors within the window after which the stack is paused."""
    child_death_window: float = Field(default=60.0, gt=0)
    """Seconds for which such a death counts."""


class RetentionSettings(Record):
    """How much a stack keeps: what is older, or more, is removed, but nothing that its agents see."""

    executions: int = Field(default=10_000, ge=1)
    """Executions, with their graphs."""
    traces: int = Field(default=10_000, ge=1)
    """Traces."""
    days: float = Field(default=30.0, gt=0)
    """Age of executions, graphs, traces and statistics."""
    todos: int = Field(default=10_000, ge=1)
    """Todos that are completed or cancelled."""
    messages: int = Field(default=10_000, ge=1)
    """Messages of other stacks that were read."""
    user_messages: int = Field(default=10_000, ge=1)
    """Messages of visitors that were answered and planned for."""
    artifacts: int = Field(default=1_000, ge=1)
    """Versions of the page."""
    contents_days: float | None = Field(default=None, gt=0)
    """Age of such todos, messages and versions. Not given: they go by their count alone."""


class ModelSettings(Record):
    """Which model does the work, and how it is asked."""

    name: ModelName = Field(default=SCRIPTED, examples=["openai:gpt-5-mini"])
    """`scripted`: the team that needs no model. Else a model in pydantic-ai's naming, `openai:gpt-5-mini`,
    `anthropic:...`, `google:...`, `groq:...`, `ollama:...`; or `local:PATH.gguf`."""
    roles: Mapping[RoleName, ModelName] = Field(
        default_factory=dict, examples=[{"builder": "openai:gpt-5-mini"}]
    )
    """Another model for some roles, by role."""
    fallback: tuple[ModelName, ...] = Field(
        default=(), examples=[("anthropic:claude-haiku-4-5", "groq:llama-3.3-70b-versatile")]
    )
    """Models to be asked in turn when the one before fails or is overloaded."""
    base_url: Address | None = Field(default=None, max_length=2000, examples=["http://127.0.0.1:8000/v1"])
    """Where an OpenAI-compatible server is asked by models named `openai:...`, `openai-chat:...` or
    `openai-responses:...`."""
    output_tokens: int = Field(default=16_000, ge=1)
    """Most tokens of one answer."""
    context_tokens: int | None = Field(default=None, ge=1_000)
    """Most tokens of a question and its answer together. Not given: what is known of the model."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    """How freely it answers. Not given: as its provider has it."""
    call_seconds: float = Field(default=120.0, gt=0)
    """Time limit of one call of a model."""
    retries: int = Field(default=2, ge=0, le=10)
    """How often a model is asked again after an answer that is not what was asked for."""
    prompts: Line | None = Field(default=None, examples=["/srv/recursor/prompts"])
    """A directory with prompts that take the place of those of the same names."""

    def asked_by(self, role: str) -> tuple[str, ...]:
        """Return whom a role asks: the models, and where."""
        return (self.of(role), *self.fallback, self.base_url or "")

    def of(self, role: str) -> str:
        """Return the model that does the work of `role`."""
        return self.roles.get(role, self.name)

    def chain_of(self, role: str) -> tuple[str, ...]:
        """Return the models that are asked in turn for `role`: its own, and those that stand in."""
        return tuple(dict.fromkeys((self.of(role), *(name for name in self.fallback if name != SCRIPTED))))


class BudgetSettings(Budget):
    """What a stack may spend. When it would be more, the stack is paused before the next call."""

    role_tokens: Mapping[RoleName, Annotated[int, Field(ge=0, le=MAX_TOKENS)]] = Field(
        default_factory=dict, examples=[{"builder": 200_000}]
    )
    """Most tokens of some roles, by role."""
    role_dollars: Mapping[RoleName, Annotated[Decimal, Field(ge=0)]] = Field(
        default_factory=dict, examples=[{"builder": 2.5}]
    )
    """Most US dollars of some roles, by role."""
    role_runs_per_hour: Mapping[RoleName, Annotated[int, Field(ge=0)]] = Field(
        default_factory=dict, examples=[{"builder": 60}]
    )
    """Most runs an hour of some roles, by role."""

    @property
    def whole(self) -> Budget:
        """What all roles may spend of it together."""
        return Budget(tokens=self.tokens, dollars=self.dollars, runs_per_hour=self.runs_per_hour)

    def of_role(self, role: str) -> Budget:
        """Return what one role may spend of it."""
        return Budget(
            tokens=self.role_tokens.get(role),
            dollars=self.role_dollars.get(role),
            runs_per_hour=self.role_runs_per_hour.get(role),
        )


class LoopSettings(Record):
    """When a team is paused that goes in circles, or does much by itself."""

    repetitions: int = Field(default=3, ge=0, le=10)
    """How often the same plan, artifact or review may come, each time or every other time: when it comes once
    more, and nothing new came from people, the stack is paused. 0: never."""
    runs: int = Field(default=200, ge=0)
    """How many runs may propose something without new input from people or other stacks before the stack is
    paused. 0: no limit."""
    tokens: int = Field(default=2_000_000, ge=0, le=MAX_TOKENS)
    """How many tokens may be used without new input before the stack is paused. 0: no limit."""
    versions: int = Field(default=100, ge=0)
    """How many versions of the artifact may be made without new input before the stack is paused. 0: no
    limit."""


# Sections of the settings file that no stack has.
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

    def overridden(self, overrides: Overrides) -> Self:
        """Return these settings with `overrides` (section → key → value) in place.

        What is set by role comes over these settings role by role: the other roles keep what they have.

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
        """Check that there are settings of these sections and keys, whatever their values.

        Raises:
            InvalidInputError: an unknown section or key; the nearest is suggested.
        """
        for name, values in overrides.items():
            if name in _OF_THE_RUNNER:
                raise InvalidInputError(
                    f"settings: {name} is the runner's own, and no stack's: give it in recursor.toml, or as "
                    f"RECURSOR_{name.upper()}__KEY"
                )
            section = getattr(self, name, None) if name in type(self).model_fields else None
            if not isinstance(section, Record):
                unknown_key("settings", name, list(type(self).model_fields))
            if not isinstance(values, Mapping):
                raise InvalidInputError(f"settings: {name} is a section: give {name}.KEY")
            known = type(section).model_fields
            for key in values:
                if key not in known:
                    unknown_key("settings", f"{name}.{key}", [f"{name}.{each}" for each in known])


def parse_override(text: str) -> tuple[str, str, JsonValue]:
    """Split `section.key=value`, as a person types it, into its three parts.

    The value is read as JSON where it is JSON (numbers, true, lists), else as text.

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
    """Collect several `section.key=value` into overrides, checked against the settings there are.

    Raises:
        InvalidInputError: a form, key or value that is wrong.
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
    """What holds for a whole runner and not for one stack."""

    agents: int = Field(default=8, ge=1, le=10_000)
    """How many agents may run at a time, over all stacks."""
    budget_tokens: int | None = Field(default=None, ge=0, le=MAX_TOKENS)
    """Most tokens that all stacks may spend together."""
    budget_dollars: Decimal | None = Field(default=None, ge=0, le=MAX_DOLLARS)
    """Most US dollars that all stacks may spend together."""
    budget_runs_per_hour: int | None = Field(default=None, ge=0)
    """Most runs an hour of agents that call a model, over all stacks."""
    control_threads: int = Field(default=1, ge=1, le=64)
    """Threads for everything that is not an agent. They never block: more than one gains nothing, unless
    Python runs without its global lock."""
    rates: Rates = Field(default_factory=dict)
    """How much providers and models may be asked, by `PROVIDER` or `PROVIDER:MODEL`: `requests_per_minute`,
    `tokens_per_minute`, `concurrent`."""
    passivate_after: float = Field(default=10.0, ge=0)
    """Seconds without anything to do after which a stack's actors make way for a timer."""
    storage_retry: float = Field(default=5.0, gt=0)
    """Seconds between attempts to write what a full disk refused."""

    @property
    def budget(self) -> Budget:
        """What all stacks may spend together."""
        return Budget(
            tokens=self.budget_tokens,
            dollars=self.budget_dollars,
            runs_per_hour=self.budget_runs_per_hour,
        )
