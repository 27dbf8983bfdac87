"""The embedding example does what it says, and leaves its host as it was."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WAIT = 120

# Run around the example in a process of its own: what it finds afterwards is the example's doing.
LEFT_BEHIND = """
import gc, logging, runpy, signal, sys, threading
import pykka  # which gives its own logger a handler that does nothing

def state():
    signals = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    handlers = [logging.getLogger(name).handlers[:] for name in ("", "pykka", "recursor", "recursor.actors")]
    return signals, handlers, logging.getLogger().level, sys.excepthook, threading.excepthook, gc.isenabled()

before, interval = state(), sys.getswitchinterval()
runpy.run_path("examples/embedding.py", run_name="__main__")
assert state() == before
assert sys.getswitchinterval() == interval
left = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
assert left == [], left
print("nothing left")
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
    )


def test_the_example_runs_a_team_and_gives_the_program_back() -> None:
    done = run("examples/embedding.py")
    assert (done.returncode, done.stderr) == (0, "")
    told = done.stdout
    assert "flashcards is running, complete" in told
    assert "archivist completed: Noted that version" in told
    assert "paused, because the host says so; running: 0" in told
    assert "communicator completed: Answered Ann" in told
    assert told.index("Recursor has stopped, in time") < told.index("its clerk counts to 2")


def test_it_leaves_no_thread_handler_or_setting_behind() -> None:
    done = run("-c", LEFT_BEHIND)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("nothing left\n")
