"""A run of an example's team in which one role asks the stub, and all others are scripted."""

from pathlib import Path
from typing import Any

import pytest

from tests.model_stub.server import ModelStub
from tests.processes import Done, run_to_end

EXAMPLES = Path(__file__).parents[2] / "examples"


def researched(
    team: str, stub: ModelStub, data: Path, monkeypatch: pytest.MonkeyPatch, **env: str
) -> tuple[str, Any]:
    """Have a project made by `team`, whose researcher looks things up; returns the stack and the project."""
    monkeypatch.chdir(EXAMPLES)

    def recursor(*arguments: str) -> Done:
        done = run_to_end(*arguments, data=data, env={"OPENAI_API_KEY": "sk-of-the-test", **env})
        assert done.code == 0, done.err
        return done

    model = ("--set", 'model.roles={"researcher": "openai:gpt-4o"}', "--set", f"model.base_url={stub.url}")
    stack = recursor("create", "bread", "--idea", "recipes for bread", "--start", *model).out.strip()
    recursor("run", "--team", team, "--until-done", "--port", "0")
    return stack, recursor("show", stack, "--json").json["idea"]


def shown_tools(stub: ModelStub) -> set[str]:
    """The tools that the model was shown at first."""
    return {tool["function"]["name"] for tool in stub.calls[0].body["tools"]}
