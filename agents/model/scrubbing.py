"""Takes keys out of answers: whoever is shown one, or finds it in the store, is not to find a key there."""

from dataclasses import replace

from pydantic_ai.messages import ModelResponse, ModelResponsePart, TextPart, ThinkingPart, ToolCallPart
from pydantic_core import from_json, to_json

from recursor.agents.model.keys import Keys


def without_keys(response: ModelResponse, keys: Keys) -> ModelResponse:
    """Return `response` without any key in what was said, thought, or given to tools."""
    parts = [_part_without(part, keys) for part in response.parts]
    changed = any(new is not old for new, old in zip(parts, response.parts, strict=True))
    return replace(response, parts=parts) if changed else response


def _part_without(part: ModelResponsePart, keys: Keys) -> ModelResponsePart:
    match part:
        case TextPart(content=text) | ThinkingPart(content=text):
            clean = keys.scrubbed(text)
            return part if clean == text else replace(part, content=clean)
        case ToolCallPart(args=str(arguments)):
            clean = keys.scrubbed(arguments)
            return part if clean == arguments else replace(part, args=clean)
        case ToolCallPart(args=dict(values)):
            text = to_json(values).decode()
            clean = keys.scrubbed(text)
            return part if clean == text else replace(part, args=from_json(clean))
    return part
