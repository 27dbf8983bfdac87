"""The work status is detected again only when it may have changed."""

import pytest

from recursor.actors.messages import ConfigureStack, GetWork
from recursor.domain.work import WorkStatus
from recursor.orchestration.roles import Role, RoleRegistry
from tests.actors.stage import Player, until


class Detector:
    """Counts how often it is asked, and tells of work that is due at some time."""

    def __init__(self):
        self.asked = 0
        self.due_at = None

    def __call__(self, _snapshot, _settings, _now):
        self.asked += 1
        return WorkStatus(has_work=False, reason="nothing", due_at=self.due_at)


@pytest.fixture
def detector():
    return Detector()


@pytest.fixture
def stage(set_stage, detector):
    return set_stage(RoleRegistry([Role("watcher", detector, Player())]), passivate_after=1000)


@pytest.fixture
def stack_id(stage):
    """A paused stack whose owner is awake: nobody looks at it by itself."""
    stack_id = stage.create(start=False)
    stage.ask(GetWork(stack_id))
    return stack_id


def test_it_is_told_from_memory_while_it_is_fresh(stage, detector, stack_id):
    before, first = detector.asked, stage.ask(GetWork(stack_id))
    stage.clock.advance(4.9)
    assert stage.ask(GetWork(stack_id)) == first
    assert detector.asked == before


@pytest.mark.parametrize("change", ["time", "todo", "setting", "due"])
def test_it_is_detected_again_after(stage, detector, stack_id, change):
    if change == "due":
        detector.due_at = stage.clock.now() + 2
        stage.add_todo(stack_id, "note")
        stage.ask(GetWork(stack_id))
    before = detector.asked
    match change:
        case "time":
            stage.clock.advance(5.1)
        case "todo":
            stage.add_todo(stack_id, "water")
        case "setting":
            stage.ask(ConfigureStack(stack_id, {"detection": {"urgent_todo": 5}}))
        case "due":
            stage.clock.advance(2.1)
    report = stage.ask(GetWork(stack_id))
    assert detector.asked == before + 1
    assert report.computed_at == pytest.approx(stage.clock.now(), abs=0.01)


def test_of_a_stack_that_sleeps_it_is_detected_on_disk(stage, detector, stack_id):
    until(lambda: (stage.clock.advance(1001), stage.load().active_stacks == 0)[1], "the passivation")
    before = detector.asked
    stage.ask(GetWork(stack_id))
    assert detector.asked == before + 1
    assert stage.load().active_stacks == 0
