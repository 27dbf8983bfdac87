"""Roles that ask a model over the wire: a stub answers what a test says."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from recursor.agents.model.exchange import Exchange
from recursor.agents.team import model_agents
from recursor.domain.agent import Agent, Run
from recursor.domain.effect import Outcome
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from tests.agents.model.loop import agent_loop
from tests.model_stub.answers import Answer, in_turn
from tests.model_stub.server import ModelStub


@dataclass
class Asking:
    """Runs roles, and shows what was asked."""

    stub: ModelStub
    exchange: Exchange

    def settings(self, **model: Any) -> Settings:
        return Settings().overridden({"model": {"name": "openai:gpt-4o", "base_url": self.stub.url, **model}})

    def run(self, role: str, **model: Any) -> Run:
        settings = self.settings(**model)
        return Run(
            "e", role, 1, "because", settings, self.exchange.clock.now() + 20_000, models=self.exchange
        )

    def __call__(self, role: str, snapshot: Snapshot, *answers: dict[str, Any], **model: Any) -> Outcome:
        """Run a role on answers of the model, given in turn: their `summary` may be left out."""
        self.stub.calls.clear()
        self.stub.script = in_turn(*(Answer(arguments={"summary": "Done.", **answer}) for answer in answers))
        return self.outcome_of(model_agents()[role], snapshot, self.run(role, **model))

    def outcome_of(self, agent: Agent, snapshot: Snapshot, run: Run) -> Outcome:
        """Run an agent to its end."""
        work = agent.run(snapshot, run)
        assert isinstance(work, Coroutine)
        return agent_loop().run(work)

    @property
    def said(self) -> list[str]:
        """What the last call said, message by message."""
        return [_text(message) for message in self.stub.calls[-1].body["messages"]]

    @property
    def instructions(self) -> str:
        return self.said[0]

    @property
    def question(self) -> str:
        return self.said[1]

    @property
    def complaint(self) -> str:
        """What was said to be wrong with the answer before."""
        return self.said[-1]


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


@pytest.fixture
def asking(stub: ModelStub, exchange: Exchange) -> Asking:
    return Asking(stub, exchange)


@pytest.fixture
def effects() -> Callable[[Outcome, type[Any]], list[Any]]:
    """The effects of one kind in an outcome."""
    return lambda outcome, kind: [effect for effect in outcome.effects if isinstance(effect, kind)]
