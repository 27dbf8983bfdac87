"""Never more tasks than places, the most urgent first, and no place is ever lost."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from recursor.runtime.admission import Admission, Places
from recursor.runtime.task import PoolTask, TaskAbandonedError, TaskState

WITH_PLACE = {TaskState.ADMITTED, TaskState.RUNNING}
WAITING = {TaskState.QUEUED, TaskState.RETURNING}


class Owner:
    """Tasks are not asked to do anything here."""


def make_task(priority):
    return PoolTask(Owner(), lambda _: None, priority, is_coroutine=True)


class PlacesMachine(RuleBasedStateMachine):
    """Does anything in any order, and holds it against a list that is sorted the slow way."""

    tasks = Bundle("tasks")

    def __init__(self):
        super().__init__()
        self.limit = 2
        self.places = Places(self.limit)
        self.all = []
        self.waiting = []
        self.arrivals = 0
        self.resumes = {}

    def admit(self):
        admitted = self.places.admit()
        free = 0 if self.places.holds else self.limit - self.taken_before()
        # Those that have begun before those that have not; then by age.
        self.waiting.sort(key=lambda entry: (-entry[0].priority, not entry[1], entry[2]))
        expected = [task for task, _, _ in self.waiting[:free]]
        del self.waiting[:free]
        assert admitted.begin == [task for task in expected if task.state is TaskState.ADMITTED]
        assert [task for task in expected if task.state not in WITH_PLACE] == []
        resumed = [self.resumes.pop(task) for task in expected if task in self.resumes]
        for task in [task for task in self.resumes if task.state is TaskState.ENDED]:
            resumed.append(self.resumes.pop(task))
        assert set(map(id, admitted.resume)) == set(map(id, resumed))
        for future in admitted.resume:
            future.set()

    def taken_before(self):
        waited = {task for task, _, _ in self.waiting}
        return sum(task.state in WITH_PLACE and task not in waited for task in self.all)

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
            self.places.add(task)
        self.admit()
        return multiple(*made)

    @rule(target=tasks, priority=st.integers(0, 10))
    def enter(self, priority):
        task = make_task(priority)
        self.all.append(task)
        has_place = not self.waiting and not self.places.holds and self.taken_before() < self.limit
        if not has_place:
            self.wait(task, has_begun=False)
        assert self.places.enter(task) == has_place
        assert (task.state is TaskState.ADMITTED) == has_place
        self.admit()
        return task

    @rule(task=tasks)
    def begin(self, task):
        before = task.state
        assert self.places.begin(task) == (before is TaskState.ADMITTED and not self.places.holds)
        if before is TaskState.ADMITTED and self.places.holds:
            # It waits ahead of those that have not had a place.
            self.waiting.append((task, False, -self.arrivals))
            self.arrivals += 1
        self.admit()

    @rule(task=tasks)
    def leave(self, task):
        before = task.state
        self.places.leave(task)
        assert task.state is (TaskState.ASIDE if before is TaskState.RUNNING else before)
        self.admit()

    @rule(task=tasks)
    def come_back(self, task):
        before = task.state
        returned = self.places.come_back(task)
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
        taken = self.places.take_back(task)
        assert taken == (before in {TaskState.QUEUED, TaskState.ADMITTED})
        if taken:
            self.stop_waiting(task)
        self.admit()

    @rule(task=tasks)
    def abandon(self, task):
        before = task.state
        given_up = self.places.abandon(task)
        assert given_up == (before not in {TaskState.ENDED, TaskState.ABANDONED})
        self.stop_waiting(task)
        self.admit()

    @rule(task=tasks)
    def end(self, task):
        if task.state in {TaskState.QUEUED, TaskState.ADMITTED, TaskState.ENDED}:
            return
        counts = task.state is not TaskState.ABANDONED
        assert self.places.end(task) == counts
        self.stop_waiting(task)
        self.admit()

    @rule(held=st.booleans())
    def hold(self, held):
        self.places.holds = int(held)
        self.admit()

    @invariant()
    def places_are_counted(self):
        states = [task.state for task in self.all]
        assert self.places.taken == sum(state in WITH_PLACE for state in states) <= self.limit
        assert self.places.queued == sum(state in WAITING for state in states)
        assert self.places.abandoned == states.count(TaskState.ABANDONED)
        absent = {TaskState.QUEUED, TaskState.ENDED}
        assert list(self.places.present) == [t for t in self.places.present if t.state not in absent]
        assert len(self.places.present) == sum(state not in absent for state in states)

    @invariant()
    def no_place_is_free_while_one_waits(self):
        assert self.places.holds or self.places.taken == self.limit or self.places.queued == 0


TestPlaces = PlacesMachine.TestCase
TestPlaces.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)


def test_a_pool_needs_a_place():
    with pytest.raises(ValueError, match="at least 1 place"):
        Places(0)


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
