"""The example of a role of one's own: it runs in a team, uses its tool, and others are told what it found."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.model_stub.answers import Answer, Call
from tests.model_stub.server import ModelStub
from tests.processes import run_to_end

EXAMPLES = Path(__file__).parents[2] / "examples"


def script(call: Call) -> Answer:
    """The researcher searches once, and reports what it was told."""
    last = call.body["messages"][-1]
    if last["role"] == "tool":
        return Answer(
            tool="final_result", arguments={"summary": "Looked it up.", "findings": [last["content"]]}
        )
    return Answer(tool="search_notes", arguments={"word": "flour"})


def test_it_looks_things_up_with_its_tool(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bread.txt").write_text("Salt is white.\nRye flour rises little.\n")
    monkeypatch.chdir(EXAMPLES)
    env = {"OPENAI_API_KEY": "sk-of-the-test", "RESEARCHER_NOTES": str(tmp_path)}

    with ModelStub(script) as stub:
        # All others are scripted: what is shown is what this role does.
        models = {"model.roles": {"researcher": "openai:gpt-4o"}, "model.base_url": stub.url}
        settings = [part for key, value in models.items() for part in ("--set", f"{key}={_json(value)}")]

        def recursor(*arguments: str) -> Any:
            done = run_to_end(*arguments, data=data, env=env)
            assert done.code == 0, done.err
            return done

        stack = recursor("create", "bread", "--idea", "recipes for bread", "--start", *settings).out.strip()
        recursor("run", "--team", "researcher:team", "--until-done", "--port", "0")
        assert len(stub.calls) == 2
        assert {tool["function"]["name"] for tool in stub.calls[0].body["tools"]} == {
            "search_notes",
            "final_result",
        }
        project = recursor("show", stack, "--json").json["idea"]
        assert "- bread.txt: Rye flour rises little." in project["description"]
        assert "Salt" not in project["description"]
        # Who looks without a runner is told of all roles.
        monkeypatch.setenv("RECURSOR_RUNNER__TEAM", "researcher:team")
        env["RECURSOR_RUNNER__TEAM"] = "researcher:team"
        work = recursor("work", stack, "--json").json
        assert work["statuses"]["researcher"]["reason"] == "the subject has been looked up"


def _json(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
