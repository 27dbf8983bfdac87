"""The project made by a plain round robin: every five seconds the next of four agents is asked, work or not.

This is how the system that Recursor follows did it before it detected work: planner, builder, communicator,
reviewer, and again. It knows no end: it is finished when all is there that has to be, and goes on.
"""

import itertools
import json
import time
import urllib.request
from collections.abc import Iterator

from benchmarks.comparison.project import IDEA, INSTRUCTIONS, WISH, Made, noted

ORDER = ("planner", "builder", "communicator", "reviewer")
TICK_SECONDS = 5.0
MOST_TURNS = 1_000


class RoundRobin:
    """The team, with what all of it knows: idea, plans, newest page, the visitor's message and its answer."""

    def __init__(self, url: str, parts: int) -> None:
        """Ask models at `url`; the visitor writes once a page with `parts` parts is approved."""
        self.made = Made(over=True)
        self._url = url
        self._parts = parts
        self._plans: list[str] = []
        self._turns: Iterator[str] = itertools.cycle(ORDER)

    def finish(self) -> float:
        """Take turns until the project is finished, and return the seconds that this takes."""
        for turns in range(1, MOST_TURNS):
            self._turn()
            if not self.made.missing(self._parts):
                return turns * TICK_SECONDS
        raise RuntimeError(f"not finished after {MOST_TURNS} turns: {self.made.missing(self._parts)}")

    def go_on(self, seconds: float) -> None:
        """Take the turns of a span of time; nobody waits for the clock, as no turn depends on it."""
        for _ in range(int(seconds / TICK_SECONDS)):
            self._turn()

    def live(self, seconds: float) -> None:
        """Take the turns of a span of time, each when the clock says so."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) >= TICK_SECONDS:
            time.sleep(min(left, TICK_SECONDS))
            self._turn()

    def _turn(self) -> None:
        role = next(self._turns)
        text = self._ask(role)
        noted(self.made, role, text)
        if role == "planner":
            self._plans.append(text)

    def _ask(self, role: str) -> str:
        body = {
            "model": role,
            "messages": [
                {"role": "system", "content": INSTRUCTIONS[role]},
                {"role": "user", "content": self._state()},
            ],
        }
        request = urllib.request.Request(
            f"{self._url}/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request) as response:
            return str(json.load(response)["choices"][0]["message"]["content"])

    def _state(self) -> str:
        page = self.made.pages[-1] if self.made.pages else "There is no page yet."
        known = [IDEA, *dict.fromkeys(self._plans), page]
        if self._parts in self.made.approved:
            known += [f"A visitor, Ada, writes: {WISH}", self.made.answer]
        return "\n".join(known)
