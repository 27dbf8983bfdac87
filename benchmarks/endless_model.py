"""A fake model whose teams never run out of work, served by a process of its own, for `model_stacks`.

.venv/bin/python -m benchmarks.endless_model [--latency S] [--completes]

Prints its URL; any GET answers with what the stub has counted; ends when its standard input does. Who asks is
the model's name: `planner`, `builder`, `reviewer`. The planner plans a dozen todos whenever none is open, the
builder makes another page of each, the reviewer finds nothing wrong. No two answers are the same, as a team
that repeats itself would be stopped.
"""

import argparse
import sys
from typing import Any

from benchmarks.comparison.fake_model import FakeModel
from benchmarks.comparison.project import page
from tests.model_stub.answers import Answer, Call
from tests.model_stub.server import ModelStub

TODOS = 12


def endless(latency: float) -> Any:
    """Return the script: answers after `latency` seconds."""

    def answer(call: Call) -> Answer:
        number = call.number
        said: dict[str, Any] = {"summary": f"Did what there was to do, the {number}th time."}
        if call.model == "planner":
            said["project"] = {"title": "Shopping list"}
            said["new_todos"] = [{"content": f"Another part: {number}-{each}"} for each in range(TODOS)]
        elif call.model == "builder":
            said["page"] = page(3).replace("</h1>", f" {number}</h1>")
        else:
            said |= {"verdict": f"Good, the {number}th time.", "issues": []}
        return Answer(arguments=said, latency=latency)

    return answer


def main() -> None:
    """Serve."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--latency", type=float, default=2.0)
    options.add_argument("--completes", action="store_true", help="instead, one small project for each team")
    chosen = options.parse_args()
    script = FakeModel(1, chosen.latency) if chosen.completes else endless(chosen.latency)
    with ModelStub(script) as stub:
        print(stub.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
