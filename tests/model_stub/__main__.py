"""Serve as a process of its own: prints its URL, and ends when its standard input does.

Any GET answers with the calls so far as JSON.
"""

import argparse
import sys

from tests.model_stub.answers import Answer, always
from tests.model_stub.server import ModelStub

parser = argparse.ArgumentParser(prog="python -m tests.model_stub")
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--latency", type=float, default=0.0, help="seconds before an answer")
parser.add_argument("--text", default="Done.", help="what is answered")
given = parser.parse_args()
with ModelStub(always(Answer(given.text, latency=given.latency)), given.port) as stub:
    sys.stdout.write(f"{stub.url}\n")
    sys.stdout.flush()
    sys.stdin.read()
