"""The `recursor` command with a team whose planner waits for a file before it completes the project.

GATE names the file: "fail" in it makes the planner raise. LOG gets a line for every run that begins. What is
in a file beside GATE, with `.says` after its name, is what the planner is about to answer, meanwhile.
"""

import os
import time
from pathlib import Path

from recursor.cli.app import main
from recursor.domain.agent import Run
from recursor.domain.effect import Outcome, SetPhase
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Phase
from recursor.runner import process
from recursor.runner.team import standard_team

GATE, LOG = Path(os.environ["GATE"]), Path(os.environ["LOG"])
SAYS = Path(f"{GATE}.says")


class Planner:
    def run(self, _snapshot: Snapshot, run: Run) -> Outcome:
        with LOG.open("a") as log:
            log.write(f"{run.execution_id} {run.attempt}\n")
        while not GATE.exists():
            if run.cancelled.is_set():
                raise RuntimeError("was cancelled")
            if SAYS.exists():
                run.say(SAYS.read_text())
            time.sleep(0.01)
        if GATE.read_text() == "fail":
            raise RuntimeError("no luck")
        return Outcome(effects=(SetPhase(phase=Phase.COMPLETE),), summary="planned")


agents = dict.fromkeys(("planner", "builder", "communicator", "reviewer"), Planner())
process.standard_team = lambda: standard_team(agents)
main()
