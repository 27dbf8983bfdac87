"""OpenCode itself works on a todo: in the sandbox, with a model that it reaches through the gateway alone."""

import json
from typing import Any

import pytest

from recursor.domain.effect import ProposeCommit
from recursor.domain.spending import Budget, BudgetExceededError
from tests.agents.acp.conftest import Job
from tests.agents.model.conftest import KEY, Books
from tests.model_stub.answers import Answer, Call
from tests.model_stub.server import ModelStub


def _works(call: Call) -> Answer:
    """Write a file, look at it, and say so; name the session when asked without tools."""
    if not call.body.get("tools"):
        return Answer("A title")
    results = [message for message in call.body["messages"] if message["role"] == "tool"]
    match len(results):
        case 0:
            return Answer(
                tool="write", arguments={"filePath": "/workspace/sub/hello.txt", "content": "hello\n"}
            )
        case 1:
            command = {"command": "cat sub/hello.txt; env; ls / /root", "description": "Look"}
            return Answer(tool="bash", arguments=command)
    return Answer("I wrote it.\n\nTitle: Greet the reader")


def test_opencode_writes_a_file_that_is_proposed(
    job: Job, opencode: str, stub: ModelStub, books: Books
) -> None:
    stub.script = _works
    outcome = job.done("", command=opencode, model=_model(stub))
    (proposal,) = outcome.effects
    assert isinstance(proposal, ProposeCommit), outcome
    assert (proposal.title, proposal.paths) == ("Greet the reader", ("sub/hello.txt",))
    assert job.file(outcome, "sub/hello.txt") == "hello\n"
    assert outcome.metadata["permissions_asked"] == 2
    calls = outcome.metadata["tool_calls"]
    assert isinstance(calls, list)
    assert [str(line).partition(":")[0] for line in calls] == ["[completed] edit", "[completed] execute"]
    # All calls came through the gateway, which has the key and counts what they cost.
    assert {call.key for call in stub.calls} == {f"Bearer {KEY}"}
    assert books.spent.tokens == sum(stub.billed)
    assert outcome.usage is not None
    assert outcome.usage.tokens == sum(stub.billed)
    printed = _results(stub.calls[-1])[1]
    assert printed.startswith("hello\n")
    assert KEY not in printed


@pytest.mark.slow
def test_opencode_asks_for_what_needs_an_approval(job: Job, opencode: str, stub: ModelStub) -> None:
    stub.script = _works
    outcome = job.done("", command=opencode, model=_model(stub), approve={"run": "ask"})
    (question,) = outcome.effects
    assert question.kind == "ask_approval"
    assert question.subject.startswith("execute: cat sub/hello.txt")


@pytest.mark.slow
def test_a_budget_ends_opencode(job: Job, opencode: str, stub: ModelStub, books: Books) -> None:
    stub.script = _works
    books.budget = Budget(tokens=1_000)
    with pytest.raises(BudgetExceededError):
        job.done("", command=opencode, model=_model(stub))
    assert stub.calls == []


def _model(stub: ModelStub) -> dict[str, Any]:
    return {"name": "openai:gpt-4o", "base_url": stub.url}


def _results(call: Call) -> list[str]:
    found = [message["content"] for message in call.body["messages"] if message["role"] == "tool"]
    return [each if isinstance(each, str) else json.dumps(each) for each in found]
