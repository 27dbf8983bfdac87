"""Models by name: their provider, key and connections."""

import inspect
import os
from typing import Any

from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model, infer_model
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers import Provider, infer_provider_class
from pydantic_ai.providers.openai import OpenAIProvider

from recursor.agents.model.connections import Connections
from recursor.agents.model.keys import KEYLESS, remedy
from recursor.agents.model.ollama import ollama_url
from recursor.agents.model.provider_names import family
from recursor.domain.spending import AgentFailedError

# A private server may need no key, but the SDK sends one anyway.
NO_KEY = "none"


def model_named(name: str, base_url: str | None, key: str | None, connections: Connections) -> Model:
    """Return the model named `name`.

    Args:
        name: provider and model, in pydantic-ai's naming.
        base_url: the address of an OpenAI-compatible server, for any of OpenAI's APIs, or of a served file.
        key: the provider's, if there is one.
        connections: the HTTP connections.

    Raises:
        AgentFailedError: the provider is unknown or cannot be used, or its key is missing.
    """
    provider, _, model = name.partition(":")
    if provider == "local":
        # llama.cpp enforces a schema better than a small model follows it.
        profile = OpenAIModelProfile(
            default_structured_output_mode="native", supports_json_schema_output=True
        )
        served = OpenAIProvider(base_url=base_url, api_key=NO_KEY, http_client=connections.current)
        return OpenAIChatModel(model, provider=served, profile=profile)
    if provider == "openai" and (url := base_url or os.environ.get("OPENAI_BASE_URL")):
        # Compatible servers support the older of OpenAI's two APIs.
        made = _provider(name, url, key, connections)
        return OpenAIChatModel(model, provider=made)
    url = base_url if family(provider) == "openai" else None
    try:
        return infer_model(name, lambda _: _provider(name, url, key, connections))
    except UserError as error:
        raise _unusable(name, str(error)) from None


def _provider(name: str, base_url: str | None, key: str | None, connections: Connections) -> Provider[Any]:
    provider = name.partition(":")[0]
    try:
        kind = infer_provider_class(provider)
    except ValueError:
        raise _unusable(name, "there is no such provider") from None
    except ImportError:
        raise _unusable(name, "its SDK is not installed") from None
    accepted = inspect.signature(kind.__init__).parameters
    if not {"api_key", "http_client"} <= set(accepted):
        raise _unusable(name, "its calls could not be counted, which Recursor insists on")
    if key is None:
        if base_url is None and provider not in KEYLESS:
            raise AgentFailedError(f"{name}: no key: {remedy(provider)}, then resume", suspend=True)
        key = NO_KEY
    legacy = str(accepted["http_client"].annotation).startswith("httpx.AsyncClient")
    given: dict[str, Any] = {
        "api_key": key,
        "http_client": connections.legacy if legacy else connections.current,
    }
    if provider == "ollama":
        base_url = ollama_url()
    if base_url is not None:
        given["base_url"] = base_url
    return kind(**given)


def _unusable(name: str, problem: str) -> AgentFailedError:
    return AgentFailedError(f"model {name}: {problem}: set another model.name", suspend=True)
