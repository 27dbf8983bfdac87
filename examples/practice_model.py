"""A model to practise on: a server with OpenAI's API that needs no key and costs nothing.

    .venv/bin/python -m examples.practice_model --port 8001

Its answers are fixed. Whatever the idea says, it plans, builds and reviews a shopping list in three parts. It
runs until Ctrl-C.
"""

import argparse
import signal
import threading
from dataclasses import replace

from benchmarks.comparison.fake_model import FakeModel
from tests.model_stub.answers import Answer, Call
from tests.model_stub.server import ModelStub

# The beginning of each role's prompt.
BEGINNINGS = {
    "planner": "You are the planner",
    "builder": "You are the builder",
    "communicator": "You speak for",
    "reviewer": "You review",
}


class PracticeModel:
    """Recognises the role that asks by its prompt."""

    def __init__(self, parts: int = 3, latency: float = 1.0) -> None:
        """Plan `parts` parts, and answer after `latency` seconds."""
        self._model = FakeModel(parts, latency)

    def __call__(self, call: Call) -> Answer:
        """Answer a call."""
        for role, beginning in BEGINNINGS.items():
            if beginning in call.texts:
                return self._model(replace(call, model=role))
        return Answer("This model plays a planner, a builder, a communicator and a reviewer only.")


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m examples.practice_model")
    parser.add_argument("--port", type=int, default=8001)
    port = parser.parse_args().port
    ended = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: ended.set())
    with ModelStub(PracticeModel(), port) as server:
        print(server.url, flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
