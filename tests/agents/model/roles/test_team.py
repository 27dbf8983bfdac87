"""A whole team on a model's replies, from an idea to a complete project, by the command that people type."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.model_stub.answers import Answer, Call
from tests.model_stub.server import ModelStub
from tests.processes import run_to_end

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Garden</title>
<meta name="viewport" content="width=device-width"></head>
<body><main><h1>Garden</h1>
<p>Beds</p>
</main></body></html>"""


class Replies:
    """What a model with good manners says, whoever asks it."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.questions: dict[str, list[str]] = {}

    def __call__(self, call: Call) -> Answer:
        instructions, question = (_text(message) for message in call.body["messages"][:2])
        role = next(r for r in ("planner", "builder", "speak", "review") if f"{r}" in instructions[:60])
        self.calls[role] += 1
        self.questions.setdefault(role, []).append(question)
        said = getattr(self, f"_{role}")(question, self.calls[role])
        return Answer(arguments={"summary": f"{role} {self.calls[role]}", **said})

    def _planner(self, question: str, number: int) -> dict[str, Any]:
        plan: dict[str, Any] = {"new_todos": []}
        if "Title: Garden" not in question:
            plan["project"] = {"title": "Garden", "features": ["beds"]}
            plan["new_todos"] += [{"content": "Lay the beds", "priority": 5}, {"content": "Add a path"}]
        if "## The reviewer recommends\n<<<" in question:
            plan["new_todos"].append({"content": f"Follow review {number}", "recommendations": [1]})
        if "## Visitors wrote\n<<<" in question:
            plan["new_todos"].append({"content": "Add a pond", "priority": 4, "message": 1})
        open_todos = "## Open todos, the most urgent first\n<<<" in question or plan["new_todos"]
        return {**plan, "complete": not open_todos}

    def _builder(self, question: str, number: int) -> dict[str, Any]:
        if "## The page\nNone." in question:
            return {"page": PAGE}
        return {"edits": [{"search": "</main>", "replace": f"<p>Version {number}</p>\n</main>"}]}

    def _review(self, _question: str, number: int) -> dict[str, Any]:
        if number > 1:
            return {"verdict": "Good."}
        return {"issues": [{"severity": "major", "problem": "It is pale.", "remedy": "Colour it."}]}

    def _speak(self, question: str, _number: int) -> dict[str, Any]:
        return {"answer": "We will consider it.", "needs_planning": "pond" in question}


def _text(message: dict[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def test_an_idea_becomes_a_page(stub: ModelStub, data: Path) -> None:
    replies = Replies()
    stub.script = replies
    env = {"OPENAI_API_KEY": "sk-of-the-test"}

    def recursor(*arguments: str) -> str:
        return run_to_end(*arguments, data=data, env=env).out

    settings = ("--model", "openai:gpt-4o", "--set", f"model.base_url={stub.url}")
    stack = recursor("create", "garden", "--idea", "a planner for gardens", "--start", *settings).strip()
    recursor("message", stack, "Could you give it a pond?", "--from", "Ann")
    recursor("run", "--until-done", "--json", "--port", "0")

    shown = json.loads(recursor("show", stack, "--json"))
    assert (shown["phase"], shown["state"]) == ("complete", "running")
    artifact = json.loads(recursor("artifact", stack, "--json"))
    assert artifact["content"].startswith("<!doctype html>")
    assert "<p>Version 2</p>" in artifact["content"]
    todos = json.loads(recursor("todos", stack, "--json"))
    assert {todo["content"] for todo in todos} >= {"Lay the beds", "Add a path", "Add a pond"}
    assert {todo["status"] for todo in todos} == {"completed"}
    assert artifact["number"] == len(todos) == replies.calls["builder"]
    assert replies.calls["speak"] == 1

    traces = json.loads(recursor("traces", stack, "--json"))
    by_models = [trace for trace in traces if "model" in trace["metadata"]]
    assert {trace["role"] for trace in by_models} == {"planner", "builder", "communicator", "reviewer"}
    assert sum(trace["metadata"]["calls"] for trace in by_models) == len(stub.calls)
    assert all(trace["metadata"]["prompt"]["version"].isdigit() for trace in by_models)


def test_the_scripted_team_waits_for_no_provider(tmp_path: Path) -> None:
    program = (
        "import sys; from recursor.runner.team import standard_team; standard_team();"
        "print([name for name in ('pydantic_ai', 'openai', 'genai_prices') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == "[]\n"
