"""Refuses unusable models, and budgets in dollars that cannot be enforced, when they are configured."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from importlib.util import find_spec

from recursor.agents.model.keys import KEYLESS, Keys, remedy
from recursor.agents.model.prompts import check_prompts, prompt_warnings
from recursor.agents.model.provider_names import members
from recursor.domain.errors import InvalidInputError, unknown_key
from recursor.domain.extras import ExtraMissingError, needing
from recursor.domain.settings import SCRIPTED, ModelSettings, Overrides, RunnerSettings, Settings
from recursor.orchestration.role_names import check_roles, roles_named

# The providers of pydantic-ai, and those that Recursor runs itself. Listing them with pydantic-ai would
# import each provider's SDK.
PROVIDERS = frozenset({
    "alibaba", "anthropic", "azure", "azure-responses", "bedrock", "bedrock-mantle", "cerebras", "cohere",
    "crusoe", "deepseek", "fireworks", "github", "github-copilot", "google", "google-cloud", "groq", "heroku",
    "huggingface", "litellm", "local", "meta", "mistral", "moonshotai", "nebius", "ollama", "openai",
    "openai-chat", "openai-responses", "openrouter", "ovhcloud", "sambanova", "snowflake", "together",
    "typesafe", "vercel", "vllm", "xai", "zai",
})  # fmt: skip

# The packages that providers need in addition to `recursor[models]`.
_SDKS = {
    "bedrock": "boto3",
    "bedrock-mantle": "boto3",
    "cohere": "cohere",
    "huggingface": "huggingface_hub",
    "mistral": "mistralai",
    "xai": "xai_sdk",
}

CHOICES = frozenset({"model", "budget"})
"""The sections of settings that `check_choice` examines."""

# The variables with which the SDKs of other providers use another server.
_ADDRESSES = {
    "anthropic": "ANTHROPIC_BASE_URL",
    "google": "GOOGLE_GEMINI_BASE_URL",
    "groq": "GROQ_BASE_URL",
    "ollama": "OLLAMA_BASE_URL",
}

# Many models are newer than the table of prices: only names that look mistyped cause a warning.
_ALIKE = 0.8

Named = tuple[str, str]
"""A setting, and the model that it names."""


def check_choice(settings: Settings, runner: RunnerSettings) -> None:
    """Refuse models of unknown providers, and budgets in dollars for models of unknown price.

    Models of `local:` and `ollama:` run on the user's machine and cost nothing: their price is known.

    Args:
        settings: of a stack, or of all.
        runner: with the budget of all stacks together.

    Raises:
        InvalidInputError: one of the two; the text names the settings and the remedy.
    """
    for setting, model in _models(settings.model):
        _check_provider(setting, model)
    for budget, roles in _budgets_in_dollars(settings, runner):
        for setting, model in _models(settings.model, roles):
            if not _price_is_known(model):
                raise InvalidInputError(
                    f"{budget}: cannot be enforced: the price of {model} ({setting}) is unknown: "
                    f"{_instead(model)}, or limit tokens and runs instead"
                )


def check_names(given: Overrides) -> None:
    """Refuse unknown providers, and the scripted team as a fallback.

    Args:
        given: settings of the right form, by section and key.

    Raises:
        InvalidInputError: one of them, with the nearest name, or the provider's package is missing.
        ExtraMissingError: the extra for models is missing.
    """
    named = {key: value for key, value in given.get("model", {}).items() if value is not None}
    model = ModelSettings.model_validate(named)
    for setting, name in _models(model, stand_ins=True):
        _check_provider(setting, name)
        _check_packages(setting, name)
    if SCRIPTED in model.fallback:
        raise InvalidInputError(
            f"model.fallback: {SCRIPTED} is not a model and cannot replace one: remove it, "
            f"or set model.name = {SCRIPTED}"
        )
    rates = given.get("runner", {}).get("rates")
    for name in rates if isinstance(rates, Mapping) else ():
        _check_provider("runner.rates", name)


def check_given(
    given: Overrides, roles: Callable[[], Collection[str] | None], kept: Overrides | None = None
) -> None:
    """Refuse well-formed settings that cannot work, before their first use.

    Args:
        given: the settings, by section and key.
        roles: returns the team's roles, or None if the team is unknown; called only if a setting names one.
        kept: earlier settings, which may stay.

    Raises:
        InvalidInputError: a role, provider, fallback or prompt cannot be used.
    """
    if any(roles_named(given).values()):
        check_roles(given, roles(), kept)
    check_names(given)
    prompts = given.get("model", {}).get("prompts")
    if isinstance(prompts, str):
        check_prompts(prompts)


def _check_provider(setting: str, name: str) -> None:
    provider = name.partition(":")[0]
    if provider not in PROVIDERS:
        unknown_key(setting, provider, sorted(PROVIDERS), noun="provider")


def _check_packages(setting: str, name: str) -> None:
    if find_spec("pydantic_ai") is None:
        raise ExtraMissingError(f"{setting} = {name}", "models")
    provider = name.partition(":")[0]
    if provider == "local" and find_spec("xllamacpp") is None:
        raise ExtraMissingError(f"{setting} = {name}", "local")
    package = _SDKS.get(provider)
    if package is not None and find_spec(package) is None:
        distribution = package.replace("_", "-")
        raise InvalidInputError(
            f"{setting}: {name} needs the package {distribution}: "
            f"pip install {distribution} on the runner's machine"
        )


@dataclass(frozen=True, slots=True)
class WithoutKey:
    """A model without a key."""

    setting: str
    model: str
    has_other: bool
    """Whether the same roles have another model, with a key."""
    remedy: str


def keyed_providers() -> frozenset[str]:
    """Return the providers for which this process has a key; it may block."""
    keys = Keys()
    return frozenset(provider for provider in PROVIDERS - KEYLESS if keys.of(provider) is not None)


def models_without_key(settings: Settings, keyed: Collection[str]) -> Iterator[WithoutKey]:
    """Yield the models of a stack whose provider has no key.

    Args:
        settings: the stack's.
        keyed: the providers for which its runner has a key.
    """
    named = list(_models(settings.model))

    def lacks_key(model: str) -> bool:
        provider = model.partition(":")[0]
        may_lack = KEYLESS | (members("openai") if settings.model.base_url is not None else set())
        return provider in PROVIDERS - may_lack and provider not in keyed

    fallback = [model for setting, model in named if setting == "model.fallback"]
    for setting, model in named:
        if lacks_key(model):
            others = [other for other in fallback if not lacks_key(other)]
            is_spare = setting == "model.fallback"
            yield WithoutKey(setting, model, is_spare or bool(others), remedy(model.partition(":")[0]))


def likely_mistakes(settings: Settings, keyed: Collection[str] | None = None) -> Iterator[str]:
    """Yield a line for each setting that is allowed but probably a mistake.

    Args:
        settings: examined for mistyped models, unused addresses and unused prompts.
        keyed: the providers for which the runner has a key; None if unknown.
    """
    for setting, model in _models(settings.model):
        near = None if _price_is_known(model) else _nearest(model)
        if near is not None:
            yield f"{setting}: {model} is unknown: did you mean {near}?"
    for each in () if keyed is None else models_without_key(settings, keyed):
        yield f"{each.setting}: no key for {each.model}: {each.remedy}, on the runner's machine"
    if settings.model.prompts is not None:
        yield from prompt_warnings(settings.model.prompts)
    named = [model.partition(":")[0] for _, model in _models(settings.model)]
    if settings.model.base_url is not None and named and not members("openai") & set(named):
        provider = named[0]
        elsewhere = _ADDRESSES.get(provider)
        remedy = f"set {elsewhere} for the runner instead" if elsewhere else "it has its own address"
        yield f"model.base_url: applies to openai: models only, not to {provider}: {remedy}"


def _models(
    model: ModelSettings, roles: Iterable[str] | None = None, *, stand_ins: bool = False
) -> Iterator[Named]:
    """Yield the models of some roles, or of all; none for scripted roles.

    `stand_ins`: with the fallbacks even if no role has a model.
    """
    if roles is None:
        named = [
            ("model.name", model.name),
            *((f"model.roles.{role}", name) for role, name in model.roles.items()),
        ]
    else:
        named = [
            (f"model.roles.{role}" if role in model.roles else "model.name", model.of(role)) for role in roles
        ]
    asked = [(setting, name) for setting, name in named if name != SCRIPTED]
    yield from asked
    if asked or stand_ins:
        yield from (("model.fallback", name) for name in model.fallback if name != SCRIPTED)


def _budgets_in_dollars(settings: Settings, runner: RunnerSettings) -> Iterator[tuple[str, list[str] | None]]:
    """Yield each budget in dollars, with its roles; None for all."""
    if runner.budget_dollars is not None:
        yield "runner.budget_dollars", None
    if settings.budget.dollars is not None:
        yield "budget.dollars", None
    for role in settings.budget.role_dollars:
        yield f"budget.role_dollars of the {role}", [role]


def _price_is_known(model: str) -> bool:
    # Imported late: it loads the table of prices, which scripted teams do not need.
    with needing("models", f"model {model}"):
        from recursor.agents.model.prices import most_dollars

    price: Decimal | None = most_dollars(model, 1, 1)
    return price is not None


def _instead(model: str) -> str:
    near = _nearest(model)
    return (
        "choose a model of known price" if near is None else f"did you mean {near}? Choose one of known price"
    )


def _nearest(model: str) -> str | None:
    """Return the model of known price with the most similar name, if any is similar."""
    with needing("models", f"model {model}"):
        from recursor.agents.model.prices import known_models

    provider, _, name = model.partition(":")
    near = get_close_matches(name, known_models(provider), n=1, cutoff=_ALIKE)
    return f"{provider}:{near[0]}" if near else None
