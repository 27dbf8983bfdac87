"""A model's unfinished answer, for observers."""

from pydantic_ai.messages import (
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
)
from pydantic_core import from_json, to_json

from recursor.agents.model.keys import Keys
from recursor.domain.agent import Run
from recursor.runtime.clock import Clock

# Seconds between two updates of an unfinished answer: as often as people can read.
SAY_SECONDS = 0.25
# The most characters reported.
LONGEST = 2_000
# Above the average characters per token, so that small limits cut off nothing usual.
CHARACTERS_PER_TOKEN, LEAST_CHARACTERS = 32, 1_000_000


class PartialAnswer:
    """Collects an answer as it arrives, and informs a run's observers a few times a second."""

    def __init__(self, run: Run, clock: Clock, keys: Keys) -> None:
        """Inform the observers of `run`, without any of `keys`."""
        self._run = run
        self._clock = clock
        self._keys = keys
        self._pieces: list[str] = []
        self._is_json = False
        self.size = 0
        """Characters received, of everything that is charged for."""
        self._most = max(LEAST_CHARACTERS, CHARACTERS_PER_TOKEN * run.settings.model.output_tokens)
        self._next = 0.0
        self._shown = ""

    def add(self, event: ModelResponseStreamEvent) -> bool:
        """Note received text. Returns False if it is more than can have been asked for."""
        piece = self._piece(event)
        self.size += len(piece or _thought(event))
        if piece:
            self._pieces.append(piece)
            now = self._clock.now()
            if now >= self._next:
                self._next = now + SAY_SECONDS
                self._say(goes_on=True)
        return self.size <= self._most

    def end(self) -> None:
        """Report everything received."""
        if self._pieces:
            self._say(goes_on=False)

    def _piece(self, event: ModelResponseStreamEvent) -> str:
        match event:
            case PartStartEvent(part=TextPart(content=text)):
                return self._begin(text, is_json=False)
            case PartStartEvent(part=ToolCallPart(args=arguments)):
                # Google's tool arguments arrive whole, and are not text.
                text = arguments if isinstance(arguments, str) else to_json(arguments or {}).decode()
                return self._begin(text, is_json=True)
            case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                return text
            case PartDeltaEvent(delta=ToolCallPartDelta(args_delta=str(text))):
                return text
        return ""

    def _begin(self, text: str, *, is_json: bool) -> str:
        self._pieces.clear()
        self._is_json = is_json
        return text

    def _say(self, *, goes_on: bool) -> None:
        text = "".join(self._pieces)
        self._pieces = [text]
        shown = _readable(text) if self._is_json or text.startswith("{") else text
        shown = self._keys.scrubbed(shown, goes_on=goes_on)
        if shown and shown != self._shown:
            self._shown = shown
            self._run.say(shown[-LONGEST:])


def _thought(event: ModelResponseStreamEvent) -> str:
    match event:
        case PartStartEvent(part=ThinkingPart(content=text)):
            return text
        case PartDeltaEvent(delta=ThinkingPartDelta(content_delta=str(text))):
            return text
    return ""


def _readable(arguments: str) -> str:
    """Return the texts in incomplete JSON, one per line."""
    try:
        value = from_json(arguments, allow_partial="trailing-strings")
    except ValueError:
        return ""
    return "\n".join(_texts(value))


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return []
