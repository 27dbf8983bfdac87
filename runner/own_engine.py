"""Does what a command asks for where no runner is up: in its own process, by the same orchestrator."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from pykka import ActorDeadError, ActorRef, Timeout

from recursor.actors.orchestrator import Orchestrator
from recursor.domain.settings import RunnerSettings, Settings
from recursor.runner.control_client import ANSWER_SECONDS
from recursor.runner.holding import hold_for_command
from recursor.runner.places import store_directory
from recursor.runner.team import observers_team_named
from recursor.storage.errors import StorageError
from recursor.storage.opening import open_store


class OwnEngine:
    """The orchestrator of a data directory, without agents."""

    def __init__(self, orchestrator: ActorRef[Any]) -> None:
        """Ask `orchestrator`."""
        self._orchestrator = orchestrator

    def ask(self, message: object) -> object:
        """Return what the orchestrator answers to a message.

        Raises:
            RecursorError: what it answers with, where it cannot be done.
        """
        try:
            return self._orchestrator.ask(message, timeout=ANSWER_SECONDS)
        except Timeout:
            raise StorageError(
                f"it could not be written within {ANSWER_SECONDS:g} s: look at the disk"
            ) from None


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
