"""The `recursor` command with a team whose every role asks its model once, and then completes the project."""

from recursor.agents.model.ask import ask
from recursor.cli.app import main
from recursor.domain.agent import Run
from recursor.domain.effect import Outcome, SetPhase
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Phase
from recursor.runner import process
from recursor.runner.team import standard_team


class Asking:
    async def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        reply = await ask(run, snapshot, instructions="You finish.", prompt="Is it done?", output=str)
        return Outcome(effects=(SetPhase(phase=Phase.COMPLETE),), summary=reply.output, usage=reply.usage)


agents = dict.fromkeys(("planner", "builder", "communicator", "reviewer"), Asking())
process.standard_team = lambda: standard_team(agents)
main()
