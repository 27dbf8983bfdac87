"""The example of an MCP server as a tool: it is used in a team's run, as far as it may be."""

import json
from pathlib import Path

import pytest

from tests.examples.looking_up import researched, shown_tools
from tests.model_stub.answers import Answer, Call
from tests.model_stub.server import ModelStub


def script(call: Call) -> Answer:
    """The librarian searches once, and reports what the server found."""
    last = call.body["messages"][-1]
    if last["role"] == "tool":
        findings = json.loads(last["content"])
        return Answer(tool="final_result", arguments={"summary": "Looked it up.", "findings": findings})
    return Answer(tool="search", arguments={"word": "flour"})


@pytest.mark.slow
def test_it_looks_things_up_with_the_tool_of_a_server(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bread.txt").write_text("Salt is white.\nRye flour rises little.\nFlour is ground.\n")
    with ModelStub(script) as stub:
        _, project = researched("librarian:team", stub, data, monkeypatch, LIBRARY=str(tmp_path))
    assert len(stub.calls) == 2
    assert shown_tools(stub) == {"search", "final_result"}
    assert "- bread.txt: Rye flour rises little." in project["description"]
    assert "Salt" not in project["description"]
