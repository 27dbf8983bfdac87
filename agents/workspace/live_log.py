"""What observers of a run see while it works: the end of a text that grows."""

from recursor.agents.model.exchange import exchange_of
from recursor.agents.model.partial_answer import LONGEST, SAY_SECONDS
from recursor.domain.agent import Run


class LiveLog:
    """The steps of a run and what they print, so far. Observers are told a few times a second."""

    def __init__(self, run: Run) -> None:
        """Tell the observers of `run`."""
        self._run = run
        self._clock = exchange_of(run).clock
        self._text = ""
        self._next = 0.0

    def step(self, line: str) -> None:
        """Begin a step, on a line of its own."""
        if self._text and not self._text.endswith("\n"):
            self._text += "\n"
        self._text = (self._text + line + "\n")[-LONGEST:]
        self._run.say(self._text)

    def add(self, text: str) -> None:
        """Append what a step prints."""
        self._text = (self._text + text)[-LONGEST:]
        now = self._clock.now()
        if now >= self._next:
            self._next = now + SAY_SECONDS
            self._run.say(self._text)

    def ahead_of(self, text: str) -> None:
        """Show a text that replaces itself as it grows, such as a model's answer, after the steps so far."""
        self._run.say((self._text + text)[-LONGEST:])
