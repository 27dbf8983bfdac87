"""A session whose orchestrator ends before it is told to."""

import gc
from pathlib import Path

import pytest

from recursor.domain.events import Event
from recursor.runner.board import Board
from recursor.runner.garbage_collection import YOUNG
from recursor.runner.process import Runner, RunnerError
from recursor.runner.session import Goal, Session
from recursor.runner.team import observers_team
from recursor.storage.data_directory import holder


class Murderer:
    """A display that ends the orchestrator as soon as it is up."""

    wants_events = False

    def up(self, runner: Runner) -> None:
        self.looks = gc.get_threshold()
        runner.orchestrator.stop()

    def happened(self, event: Event, board: Board) -> None:
        pass

    def redraw(self, board: Board) -> None:
        pass

    def ending(self, grace: float) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_runner_without_an_orchestrator_ends_and_says_so(data: Path) -> None:
    runner, display, looks = Runner(data, roles=observers_team(), port=0), Murderer(), gc.get_threshold()
    with pytest.raises(RunnerError, match="orchestrator has died"):
        Session(runner, display, Goal(), grace=1).run()
    assert holder(data) is None
    assert (display.looks[0], gc.get_threshold()) == (YOUNG, looks)
