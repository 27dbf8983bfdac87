"""Does what a command asks for where no runner is up: in its own process, by the same orchestrator."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from pykka import ActorDeadError, ActorRef

from recursor.actors.orchestrator import Orchestrator
from recursor.domain.settings import RunnerSettings, Settings
from recursor.runner.control_client import ANSWER_SECONDS
from recursor.runner.holding import hold_for_command
from recursor.runner.places import store_directory
from recursor.runner.team import observers_team_named
from recursor.storage.opening import open_store


class OwnEngine:
    """The orchestrator of a data directory, without agents."""

    def __init__(self, orchestrator: ActorRef[Any]) -> None:
        """Ask `orchestrator`."""
        self._orchestrator = orchestrator

    def ask_each(self, messages: Sequence[object]) -> list[object]:
        """Return what the orchestrator answers to each message, an exception where it cannot be done."""
        futures = [self._orchestrator.ask(message, block=False) for message in messages]
        found: list[object] = []
        for future in futures:
            try:
                found.append(future.get(timeout=ANSWER_SECONDS))
            except Exception as error:  # noqa: BLE001  # told in the answer's place
                found.append(error)
        return found


@contextmanager
def own_engine(
    data: Path, settings: Settings, limits: RunnerSettings, team: str | None
) -> Iterator[OwnEngine]:
    """Hold a data directory, and yield what does there what a command asks for.

    Args:
        data: the data directory; it is made if need be.
        settings: what a runner here would have.
        limits: likewise, what all stacks may spend together.
        team: likewise, its team; None if that is not known.

    Raises:
        DirectoryInUseError: another process holds the directory.
        StorageError: the store cannot be opened.
    """
    roles = observers_team_named(team)
    with hold_for_command(data), closing(open_store(store_directory(data))) as store:
        orchestrator = Orchestrator.start(
            store=store,
            roles=roles,
            settings=settings,
            runner=limits,
            runs=False,
            roles_known=team is not None,
        )
        try:
            yield OwnEngine(orchestrator)
        finally:
            with suppress(ActorDeadError):
                orchestrator.stop()
