"""Where a run's model is asked, and with which key."""

from dataclasses import dataclass

from recursor.agents.gateway.apis import Name
from recursor.agents.model.exchange import Exchange
from recursor.agents.model.provider_names import address
from recursor.domain.agent import Run
from recursor.domain.spending import AgentFailedError


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider, and its model for a run."""

    model: str
    """As in settings: `openai:gpt-5-mini`."""
    url: str
    """Ends with a slash."""
    headers: dict[str, str]
    """With the key."""
    base_url: str | None
    """The address by which its rates are kept."""
    apis: frozenset[Name]

    @property
    def id(self) -> str:
        """The provider's name for the model."""
        return self.model.partition(":")[2]


async def upstream_of(run: Run, exchange: Exchange) -> Upstream:
    """Return where the model of a run's role is asked. Its fallbacks are not: an agent keeps to one model.

    Raises:
        AgentFailedError: the model cannot be asked, or not by agents with a client of their own.
    """
    # Their import takes a second, and models import them anyway.
    settings = run.settings.model
    name = settings.of(run.role)
    model = await exchange.model(name, settings.base_url)
    import anthropic
    import openai

    client = getattr(model, "client", None)
    if isinstance(client, openai.AsyncOpenAI) and type(client) is openai.AsyncOpenAI:
        headers = {"authorization": f"Bearer {client.api_key}"}
        apis: frozenset[Name] = frozenset({"chat", "responses"})
    elif isinstance(client, anthropic.AsyncAnthropic) and type(client) is anthropic.AsyncAnthropic:
        headers = {"x-api-key": client.api_key or ""}
        apis = frozenset({"messages"})
    else:
        raise AgentFailedError(
            f"{name}: agents with a client of their own need openai:..., anthropic:... or a server that is "
            "compatible with OpenAI's: set model.roles for this role",
            suspend=True,
        )
    url = str(client.base_url)
    return Upstream(name, url.rstrip("/") + "/", headers, address(model.base_url), apis)
