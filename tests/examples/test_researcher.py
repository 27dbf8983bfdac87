"""The example of a role of one's own: it runs in a team, uses its tool, and others are told what it found."""

from pathlib import Path

import pytest

from tests.examples.looking_up import researched, shown_tools
from tests.model_stub.answers import Answer, Call
from tests.model_stub.server import ModelStub
from tests.processes import run_to_end


def script(call: Call) -> Answer:
    """The researcher searches once, and reports what it was told."""
    last = call.body["messages"][-1]
    if last["role"] == "tool":
        return Answer(
            tool="final_result", arguments={"summary": "Looked it up.", "findings": [last["content"]]}
        )
    return Answer(tool="search_notes", arguments={"word": "flour"})


@pytest.mark.slow
def test_it_looks_things_up_with_its_tool(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bread.txt").write_text("Salt is white.\nRye flour rises little.\n")
    with ModelStub(script) as stub:
        stack, project = researched(
            "researcher:team", stub, data, monkeypatch, RESEARCHER_NOTES=str(tmp_path)
        )
    assert len(stub.calls) == 2
    assert shown_tools(stub) == {"search_notes", "final_result"}
    assert "- bread.txt: Rye flour rises little." in project["description"]
    assert "Salt" not in project["description"]
    # Who looks without a runner is told of all roles.
    env = {"RECURSOR_RUNNER__TEAM": "researcher:team"}
    work = run_to_end("work", stack, "--json", data=data, env=env).json
    assert work["statuses"]["researcher"]["reason"] == "the subject has been looked up"
