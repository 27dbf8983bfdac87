"""A fake model that does the todos of the task set by rules, served by a process of its own.

.venv/bin/python -m benchmarks.task_set.rule_model [--latency S]

It knows each todo's edits from its text, and does what an attentive model does: reads the test and the files,
changes them, moves the test, runs the checks, and answers; a call of one tool at a time, each after the same
time. If a tool reports an error or a check fails, it says that it cannot do the todo. Prints its URL; any GET
answers with what the stub has counted; ends when its standard input does.
"""

import argparse
import re
import sys
from typing import Any

from benchmarks.task_set.task_repository import PlannedTodo, task_set
from tests.model_stub.answers import Answer, Call
from tests.model_stub.server import ModelStub

# The section of the question that holds the todo.
_TODO = re.compile(r"^## Your todo\n<<<data (?P<mark>\w+)\n(?P<text>.*?)\n(?P=mark) data>>>$", re.M | re.S)

Step = tuple[str, dict[str, Any]]


def steps(todo: PlannedTodo) -> list[Step]:
    """Return the calls of tools for a todo, in order."""
    changed = dict.fromkeys(edit.path for edit in todo.edits if edit.content is None)
    calls: list[Step] = [("read_file", {"path": path}) for path in (todo.pending_test, *changed)]
    for edit in todo.edits:
        if edit.content is None:
            given = {"path": edit.path, "search": edit.search, "replace": edit.replace}
            calls.append(("edit_file", given))
        else:
            calls.append(("write_file", {"path": edit.path, "content": edit.content}))
    calls.append(("move_file", {"source": todo.pending_test, "target": todo.test}))
    return [*calls, ("run_checks", {})]


def answers(todo: PlannedTodo) -> int:
    """Return how often the model answers until a todo is done: for each call, and at the end."""
    return len(steps(todo)) + 1


class RuleModel:
    """A script for the stub."""

    def __init__(self, latency: float) -> None:
        """Answer after `latency` seconds."""
        self._latency = latency
        self._todos = {todo.text: todo for repository in task_set() for todo in repository.todos}

    def __call__(self, call: Call) -> Answer:
        """Answer a call."""
        found = _TODO.search(call.texts)
        if found is None or found["text"] not in self._todos:
            raise ValueError(f"this question is about no todo of the task set: {call.texts[:2_000]}")
        todo = self._todos[found["text"]]
        results = [message["content"] for message in call.body["messages"] if message["role"] == "tool"]
        for result in results:
            if result.startswith("Error") or ": failed with exit status" in result:
                return self._answer(result="cannot", summary="It did not work.", why=result)
        calls = steps(todo)
        if len(results) < len(calls):
            tool, arguments = calls[len(results)]
            return Answer(arguments=arguments, tool=tool, latency=self._latency)
        said = f"Do what “{todo.name}” is about"
        return self._answer(result="done", summary=f"{said}.", title=said, why=todo.content)

    def _answer(self, **given: str) -> Answer:
        return Answer(arguments=given, tool="final_result", latency=self._latency)


def main() -> None:
    """Serve."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--latency", type=float, default=0.3)
    chosen = options.parse_args()
    with ModelStub(RuleModel(chosen.latency)) as stub:
        print(stub.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
