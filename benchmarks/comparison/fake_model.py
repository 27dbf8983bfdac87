"""The one fake model: fixed replies, chosen by who asks and by what it is shown, never by who runs the team.

Who asks is the model's name in the request (`planner`, `builder`, `reviewer`, `communicator`, `manager`).
What it is shown decides as it would for an attentive person: a planner that sees a wish which is not planned
plans it, a builder builds the next part that the newest page lacks, a reviewer approves when nothing is
missing, a communicator answers whoever waits; and who has nothing to do says so, in a call that costs as
any other. The words are the same for all; where a framework wants them as a tool's arguments, it gets the
same in that form.
"""

import re
from typing import Any

from benchmarks.comparison.project import (
    ANSWER,
    APPROVED,
    IDEA,
    NOBODY_WAITS,
    NOT_YET,
    NOTHING_TO_BUILD,
    NOTHING_TO_PLAN,
    WISH,
    page,
    parts_in,
    plan,
    todo,
)
from tests.model_stub.answers import Answer, Call

_PLANNED = re.compile(r"Part (\d+): a ")


class FakeModel:
    """A script for the stub."""

    def __init__(self, parts: int, latency: float) -> None:
        """Plan `parts` parts for the idea; answer after `latency` seconds."""
        self._parts = parts
        self._latency = latency

    def __call__(self, call: Call) -> Answer:
        """Answer a call."""
        shown = call.texts
        if call.model == "manager":
            text, arguments, tool = self._manager(call)
            return Answer(text, arguments, tool, latency=self._latency)
        says = getattr(self, f"_{call.model}")
        text, arguments = says(shown)
        return Answer(text, arguments if call.wants_form else None, latency=self._latency)

    def _wanted(self, shown: str) -> int:
        return self._parts + (WISH in shown)

    def _planner(self, shown: str) -> tuple[str, dict[str, Any]]:
        planned = _highest(shown)
        wanted = self._wanted(shown)
        if planned >= wanted:
            return NOTHING_TO_PLAN, {"summary": NOTHING_TO_PLAN, "complete": True}
        first, last = planned + 1, wanted
        todos = [
            {"content": todo(number, self._parts), "priority": 3, "message": 1 if planned else None}
            for number in range(first, last + 1)
        ]
        said = plan(first, last, self._parts)
        project = {"title": "Shopping list", "description": "", "features": []}
        return said, {
            "summary": "Planned what is wanted.",
            "new_todos": todos,
            "project": None if planned else project,
            "whole": True,
            "phase": "building",
        }

    def _builder(self, shown: str) -> tuple[str, dict[str, Any]]:
        following = parts_in(shown) + 1
        if following > _highest(shown):
            return NOTHING_TO_BUILD, {"summary": NOTHING_TO_BUILD, "cannot": NOTHING_TO_BUILD}
        made = page(following)
        return made, {"summary": f"Built part {following}.", "page": made}

    def _reviewer(self, shown: str) -> tuple[str, dict[str, Any]]:
        built = parts_in(shown)
        good = built > 0 and built >= self._wanted(shown)
        said = f"All that is planned is there, and works. {APPROVED}" if good else NOT_YET
        return said, {"summary": said, "verdict": said, "issues": []}

    def _communicator(self, shown: str) -> tuple[str, dict[str, Any]]:
        waits = WISH in shown and ANSWER not in shown
        said = ANSWER if waits else NOBODY_WAITS
        return said, {"summary": said, "answer": said, "needs_planning": waits}

    def _manager(self, call: Call) -> tuple[str, Any, str | None]:
        """Give the work to whose turn it is, with what they have to know; end when the reviewer approves."""
        shown = call.texts
        wanted, planned, built = self._wanted(shown), _highest(shown), parts_in(shown)
        known = f"{IDEA}\n{plan(1, planned, self._parts)}\n{page(built)}" if planned else IDEA
        if wanted > self._parts:
            known = f"A visitor, Ada, wrote: {WISH}\n{known}"
            if ANSWER not in shown:
                return _delegated(call, "communicator", "Answer the visitor.", known)
        if planned < wanted:
            return _delegated(call, "planner", "Plan what is wanted.", known)
        if built < planned:
            return _delegated(call, "builder", "Build the next part.", known)
        if APPROVED not in call.body["messages"][-1]["content"]:
            return _delegated(call, "reviewer", "Review the page.", known)
        return page(built), None, None


def _delegated(call: Call, role: str, task: str, context: str) -> tuple[str, Any, str]:
    names = [tool["function"]["name"] for tool in call.body["tools"]]
    (name,) = (name for name in names if name.startswith("delegate"))
    return "", {"task": task, "context": context, "coworker": role}, name


def _highest(shown: str) -> int:
    return max((int(number) for number in _PLANNED.findall(shown)), default=0)
