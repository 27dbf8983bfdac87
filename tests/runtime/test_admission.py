"""Never more tasks than slots, the most urgent first, and no slot is ever lost."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from recursor.runtime.admission import Admission, Slots
from recursor.runtime.task import PoolTask, TaskAbandonedError, TaskState

WITH_SLOT = {TaskState.ADMITTED, TaskState.RUNNING}
WAITING = {TaskState.QUEUED, TaskState.RETURNING}


class Owner:
    """Tasks are not asked to do anything here."""


def make_task(priority):
    return PoolTask(Owner(), lambda _: None, priority, is_coroutine=True)


class SlotsMachine(RuleBasedStateMachine):
    """Does anything in any order, and holds it against a list that is sorted the slow way."""

    tasks = Bundle("tasks")

    def __init__(self):
        super().__init__()
        self.limit = 2
        self.slots = Slots(self.limit)
        self.all = []
        self.waiting = []
        self.arrivals = 0
        self.resumes = {}

    def admit(self):
        admitted = self.slots.admit()
        free = 0 if self.slots.holds else self.limit - self.taken_before()
        # Those that have begun before those that have not; then by age.
        self.waiting.sort(key=lambda entry: (-entry[0].priority, not entry[1], entry[2]))
        expected = [task for task, _, _ in self.waiting[:free]]
        del self.waiting[:free]
        assert admitted.begin == [task for task in expected if task.state is TaskState.ADMITTED]
        assert [task for task in expected if task.state not in WITH_SLOT] == []
        resumed = [self.resumes.pop(task) for task in expected if task in self.resumes]
        for task in [task for task in self.resumes if task.state is TaskState.ENDED]:
            resumed.append(self.resumes.pop(task))
        assert set(map(id, admitted.resume)) == set(map(id, resumed))
        for future in admitted.resume:
            future.set()

    def taken_before(self):
        waited = {task for task, _, _ in self.waiting}
        return sum(task.state in WITH_SLOT and task not in waited for task in self.all)

    def wait(self, task, has_begun):
        self.arrivals += 1
        self.waiting.append((task, has_begun, self.arrivals))

    def stop_waiting(self, task):
        self.waiting = [entry for entry in self.waiting if entry[0] is not task]

    @rule(target=tasks, priorities=st.lists(st.integers(0, 10), min_size=1, max_size=4))
    def add(self, priorities):
        made = [make_task(priority) for priority in priorities]
        for task in made:
            self.all.append(task)
            self.wait(task, has_begun=False)
            self.slots.add(task)
        self.admit()
        return multiple(*made)

    @rule(target=tasks, priority=st.integers(0, 10))
    def enter(self, priority):
        task = make_task(priority)
        self.all.append(task)
        has_slot = not self.waiting and not self.slots.holds and self.taken_before() < self.limit
        if not has_slot:
            self.wait(task, has_begun=False)
        assert self.slots.enter(task) == has_slot
        assert (task.state is TaskState.ADMITTED) == has_slot
        self.admit()
        return task

    @rule(task=tasks)
    def begin(self, task):
        before = task.state
        assert self.slots.begin(task) == (before is TaskState.ADMITTED and not self.slots.holds)
        if before is TaskState.ADMITTED and self.slots.holds:
            # It waits ahead of those that have not had a slot.
            self.waiting.append((task, False, -self.arrivals))
            self.arrivals += 1
        self.admit()

    @rule(task=tasks)
    def leave(self, task):
        before = task.state
        self.slots.leave(task)
        assert task.state is (TaskState.ASIDE if before is TaskState.RUNNING else before)
        self.admit()

    @rule(task=tasks)
    def come_back(self, task):
        before = task.state
        returned = self.slots.come_back(task)
        if before is TaskState.ASIDE:
            self.wait(task, has_begun=True)
            self.resumes[task] = returned
        assert (returned is not None) == (task.state is TaskState.RETURNING)
        self.admit()
        if returned is not None:
            assert returned.done() == (task.state is not TaskState.RETURNING)

    @rule(task=tasks)
    def take_back(self, task):
        before = task.state
        taken = self.slots.take_back(task)
        assert taken == (before in {TaskState.QUEUED, TaskState.ADMITTED})
        if taken:
            self.stop_waiting(task)
        self.admit()

    @rule(task=tasks)
    def abandon(self, task):
        before = task.state
        given_up = self.slots.abandon(task)
        assert given_up == (before not in {TaskState.ENDED, TaskState.ABANDONED})
        self.stop_waiting(task)
        self.admit()

    @rule(task=tasks)
    def end(self, task):
        if task.state in {TaskState.QUEUED, TaskState.ADMITTED, TaskState.ENDED}:
            return
        counts = task.state is not TaskState.ABANDONED
        assert self.slots.end(task) == counts
        self.stop_waiting(task)
        self.admit()

    @rule(held=st.booleans())
    def hold(self, held):
        self.slots.holds = int(held)
        self.admit()

    @invariant()
    def slots_are_counted(self):
        states = [task.state for task in self.all]
        assert self.slots.taken == sum(state in WITH_SLOT for state in states) <= self.limit
        assert self.slots.queued == sum(state in WAITING for state in states)
        assert self.slots.abandoned == states.count(TaskState.ABANDONED)
        absent = {TaskState.QUEUED, TaskState.ENDED}
        assert list(self.slots.present) == [t for t in self.slots.present if t.state not in absent]
        assert len(self.slots.present) == sum(state not in absent for state in states)

    @invariant()
    def no_place_is_free_while_one_waits(self):
        assert self.slots.holds or self.slots.taken == self.limit or self.slots.queued == 0


TestSlots = SlotsMachine.TestCase
TestSlots.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)


def test_a_pool_needs_a_slot():
    with pytest.raises(ValueError, match="at least 1 slot"):
        Slots(0)


@pytest.mark.parametrize("priority", [-1, 11])
def test_a_priority_is_from_0_to_10(priority):
    with pytest.raises(ValueError, match="from 0 to 10"):
        make_task(priority)


def test_closing_abandons_what_has_not_begun_and_refuses_what_comes_later():
    started = []
    admission = Admission(2, started.append, started.append)
    tasks = [admission.add(PoolTask(admission, lambda _: None, 5, is_coroutine=False)) for _ in range(4)]
    assert admission.begin(tasks[0])

    assert admission.close() == [tasks[0]]
    late = admission.add(PoolTask(admission, lambda _: None, 5, is_coroutine=False))
    for task in (*tasks[1:], late):
        assert isinstance(task.future.exception(), TaskAbandonedError)
    assert not admission.begin(tasks[1])
    assert admission.load == (0, 1, 0)
    assert started == tasks[:2]
