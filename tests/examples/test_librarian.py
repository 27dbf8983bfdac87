"""The example of an MCP server as a tool: it is used in a team's run, and by nobody who may not."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.model_stub.answers import Answer, Call
from tests.model_stub.server import ModelStub
from tests.processes import run_to_end

EXAMPLES = Path(__file__).parents[2] / "examples"


def script(call: Call) -> Answer:
    """The librarian searches once, and reports what the server found."""
    last = call.body["messages"][-1]
    if last["role"] == "tool":
        findings = json.loads(last["content"])
        return Answer(tool="final_result", arguments={"summary": "Looked it up.", "findings": findings})
    return Answer(tool="search", arguments={"word": "flour"})


def test_it_looks_things_up_with_the_tool_of_a_server(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bread.txt").write_text("Salt is white.\nRye flour rises little.\nFlour is ground.\n")
    monkeypatch.chdir(EXAMPLES)
    env = {"OPENAI_API_KEY": "sk-of-the-test", "LIBRARY": str(tmp_path)}

    with ModelStub(script) as stub:
        models = {"model.roles": '{"researcher": "openai:gpt-4o"}', "model.base_url": stub.url}
        settings = [part for name, value in models.items() for part in ("--set", f"{name}={value}")]

        def recursor(*arguments: str) -> Any:
            done = run_to_end(*arguments, data=data, env=env)
            assert done.code == 0, done.err
            return done

        stack = recursor("create", "bread", "--idea", "recipes for bread", "--start", *settings).out.strip()
        recursor("run", "--team", "librarian:team", "--until-done", "--port", "0")
        assert len(stub.calls) == 2
        assert {tool["function"]["name"] for tool in stub.calls[0].body["tools"]} == {
            "search",
            "final_result",
        }
        project = recursor("show", stack, "--json").json["idea"]
        assert "- bread.txt: Rye flour rises little." in project["description"]
        assert "Salt" not in project["description"]
