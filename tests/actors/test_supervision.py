"""Actors that die are replaced; a stack whose actors keep dying is paused, and the others go on."""

import ctypes
import threading

import pykka
import pytest

from recursor.actors.graph_builder import GraphBuilder
from recursor.actors.messages import Changed, GetLoad, Shutdown
from recursor.actors.orchestrator import Orchestrator
from recursor.actors.role_actor import RoleActor
from recursor.actors.stack_messages import BuildGraph, DetectWork, LookDue, RunAgent, StepDone
from recursor.actors.supervisor import StackSupervisor
from recursor.actors.work_cache import WorkCache
from recursor.domain.commands import Command
from recursor.domain.events import CycleFinished, StackChanged, Trouble
from recursor.domain.graph import NodeStatus
from recursor.domain.stack import ExecutionState
from recursor.storage.errors import StoreClosedError, UnknownTableError
from recursor.storage.memory_store import MemoryStore
from recursor.storage.tables import TABLES
from tests.actors.stage import WAIT, Cast, Gate, finish_todo, until


class Saboteur:
    """Makes one handler of an actor type fail, as often as told, for the stacks of one name."""

    def __init__(self, monkeypatch, actor_type, message_type, times, error):
        self.left = times
        original = actor_type.handlers[message_type]

        def handler(actor, message):
            if self.left and self.concerns(actor):
                self.left -= 1
                raise error("sabotage")
            return original(actor, message)

        monkeypatch.setitem(actor_type.handlers, message_type, handler)
        self.victim = None

    def concerns(self, actor):
        return self.victim is None or getattr(actor, "_id", getattr(actor, "_stack_id", None)) == self.victim


class Death(BaseException):
    pass


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, Death])
@pytest.mark.parametrize(
    ("actor_type", "message_type"), [(StackSupervisor, StepDone), (StackSupervisor, Changed)]
)
def test_a_supervisor_that_dies_is_replaced(set_stage, monkeypatch, actor_type, message_type, error):
    stage = set_stage()
    bystander = pykka.ThreadingActor.start()
    stack_id = stage.create()
    stage.wait_rest(stack_id)
    Saboteur(monkeypatch, actor_type, message_type, 2, error)
    stage.add_todo(stack_id, "first: a")
    trouble = stage.wait_for(Trouble, stack_id)
    stage.wait_for(CycleFinished, stack_id)

    assert "sabotage" in trouble.problem
    assert stage.committed(stack_id) == ["first: a"]
    assert bystander.is_alive()
    bystander.stop(timeout=WAIT)


def test_a_stack_whose_supervisors_keep_dying_is_paused_with_the_reason(set_stage, monkeypatch):
    sabotage = Saboteur(monkeypatch, StackSupervisor, StepDone, 1000, RuntimeError)
    stage = set_stage()
    sabotage.victim = stack_id = stage.create("first: a", start=False)
    other = stage.create("third: c", name="yard")
    stage.tell(stack_id, Command.START)
    paused = stage.wait_for(StackChanged, stack_id, where=lambda e: e.state is ExecutionState.PAUSED)

    assert paused.reason == "its supervisor died 6 times; the last: RuntimeError: sabotage"
    assert sabotage.left == 1000 - 6
    stage.wait_rest(other)
    assert stage.committed(other) == ["third: c"]
    sabotage.left = 0
    stage.tell(stack_id, Command.RESUME)
    stage.wait_for(CycleFinished, stack_id)
    assert stage.committed(stack_id) == ["first: a"]


def test_deaths_long_ago_do_not_count(set_stage, monkeypatch):
    sabotage = Saboteur(monkeypatch, StackSupervisor, LookDue, 0, RuntimeError)
    stage = set_stage(passivate_after=1000)
    stack_id = stage.create()
    for count in range(8):
        stage.wait_rest(stack_id, count + 1)
        sabotage.left = 1
        stage.clock.advance(31)
    stage.wait_rest(stack_id, 9)

    assert len(stage.events(Trouble, stack_id)) == 8
    assert stage.stack(stack_id).state is ExecutionState.RUNNING


@pytest.mark.parametrize(
    ("actor_type", "message_type"),
    [(WorkCache, DetectWork), (GraphBuilder, BuildGraph), (RoleActor, RunAgent)],
)
def test_a_stacks_other_actors_are_replaced_too(set_stage, monkeypatch, actor_type, message_type):
    original = actor_type.handlers[message_type]
    deaths = [2]

    def die(actor, message):
        if deaths[0]:
            deaths[0] -= 1
            actor.actor_stopped.set()
            raise pykka.ActorDeadError("its thread was killed")
        return original(actor, message)

    monkeypatch.setitem(actor_type.handlers, message_type, die)
    stage = set_stage(Cast().roles())
    stack_id = stage.create("first: a")
    if actor_type is RoleActor:
        # It costs a failed cycle each time, as whatever an agent does wrong.
        for count, backoff in ((1, 5), (2, 10)):
            stage.wait_rest(stack_id, count)
            assert stage.nodes(stack_id)["first"].note.startswith("its actor died: ")
            stage.clock.advance(backoff + 0.1)
    stage.wait_for(CycleFinished, stack_id, count=3 if actor_type is RoleActor else 1)

    assert stage.committed(stack_id) == ["first: a"]
    assert stage.nodes(stack_id)["first"].status is NodeStatus.COMPLETED


@pytest.mark.parametrize(
    ("actor_type", "message_type"), [(WorkCache, DetectWork), (GraphBuilder, BuildGraph)]
)
def test_a_stack_whose_actors_keep_dying_is_paused(set_stage, monkeypatch, actor_type, message_type):
    original = actor_type.handlers[message_type]
    deadly = [True]

    def die(actor, message):
        if deadly[0]:
            actor.actor_stopped.set()
            raise pykka.ActorDeadError("its thread was killed")
        return original(actor, message)

    monkeypatch.setitem(actor_type.handlers, message_type, die)
    stage = set_stage()
    stack_id = stage.create("first: a")
    paused = stage.wait_for(StackChanged, stack_id, where=lambda e: e.state is ExecutionState.PAUSED)

    assert paused.reason == "its actors keep dying: its thread was killed"
    deadly[0] = False
    stage.clock.advance(61)
    stage.tell(stack_id, Command.RESUME)
    stage.wait_for(CycleFinished, stack_id)


def test_an_agent_whose_thread_is_killed_from_outside_fails_its_node(set_stage):
    threads = []

    def spin(_snapshot, run):
        threads.append(threading.get_ident())
        while not run.cancelled.is_set():
            pass

    cast = Cast(first=spin)
    stage = set_stage(cast.roles(), agents=1)
    bystander = pykka.ThreadingActor.start()
    stack_id = stage.create("first: a")
    until(lambda: bool(threads), "the start of the agent")
    kill(threads[0])
    stage.wait_rest(stack_id)

    assert stage.nodes(stack_id)["first"].note == "SystemExit"
    cast.first.act = finish_todo
    stage.clock.advance(5.5)
    stage.wait_rest(stack_id, 2)
    assert stage.committed(stack_id) == ["first: a"]
    assert bystander.is_alive()
    bystander.stop(timeout=WAIT)


def kill(thread):
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(SystemExit))


def test_a_supervisor_that_is_gone_without_a_word_is_found_by_the_poll(set_stage):
    stage = set_stage()
    stack_id = stage.create()
    stage.wait_rest(stack_id)
    orchestrator = stage.ref._actor_weakref()
    supervisor = orchestrator._roster._active[stack_id].supervisor
    # As a dispatcher does with an actor in which its thread has died.
    supervisor.actor_inbox.bury(supervisor.actor_inbox.close())
    stage.add_todo(stack_id, "first: a")
    stage.load()
    assert stage.committed(stack_id) == []
    # What it is asked meanwhile is answered from the store.
    assert stage.status(stack_id).stack.state is ExecutionState.RUNNING
    assert stage.tell(stack_id, Command.PAUSE).state is ExecutionState.PAUSED
    assert stage.tell(stack_id, Command.RESUME).state is ExecutionState.RUNNING
    stage.clock.advance(5.5)
    stage.wait_for(CycleFinished, stack_id)

    assert stage.committed(stack_id) == ["first: a"]
    assert [trouble.problem for trouble in stage.events(Trouble)] == ["its thread was killed"]


# -- The orchestrator, which nobody replaces -------------------------------------------------------------


def test_what_nobody_understands_does_not_end_the_orchestrator(set_stage):
    stage = set_stage()
    stack_id = stage.create()
    stage.wait_rest(stack_id)
    pykka.ActorRegistry.broadcast("good morning, all actors")

    assert stage.load().active_stacks == 1
    assert stage.ref.is_alive()


@pytest.mark.parametrize("message", [Changed("x"), Changed("all"), GetLoad()])
def test_a_failure_in_the_orchestrator_is_the_askers_and_no_more(set_stage, monkeypatch, message):
    stage = set_stage()
    saboteur = Saboteur(monkeypatch, Orchestrator, type(message), 1, RuntimeError)
    saboteur.victim = None
    if isinstance(message, Changed):
        stage.ref.tell(message)
    else:
        with pytest.raises(RuntimeError, match="sabotage"):
            stage.ask(message)

    stack_id = stage.create("first: a")
    stage.wait_for(CycleFinished, stack_id)
    assert stage.committed(stack_id) == ["first: a"]


def test_a_store_that_cannot_be_used_is_told_to_who_starts(set_stage):
    # Other tests may have left a thread in an agent that they abandoned.
    before = set(threading.enumerate())
    closed = MemoryStore(TABLES)
    closed.close()
    with pytest.raises(StoreClosedError):
        Orchestrator.start(store=closed, roles=Cast().roles())
    other = MemoryStore(["things"])
    with pytest.raises(UnknownTableError, match="agent_stacks"):
        Orchestrator.start(store=other, roles=Cast().roles())
    other.close()
    until(lambda: set(threading.enumerate()) <= before, "the end of all threads that were begun")


# -- The end ---------------------------------------------------------------------------------------------


def test_a_supervisor_that_dies_during_a_shutdown_does_not_hold_it_up(set_stage, monkeypatch):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles())
    stage.create("first: a")
    gate.wait_entered()
    down = stage.ref.ask(Shutdown(grace=1000), block=False)
    Saboteur(monkeypatch, StackSupervisor, StepDone, 1, RuntimeError)
    gate.open()

    assert down.get(timeout=WAIT) is True
