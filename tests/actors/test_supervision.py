"""Actors that die are replaced; a stack whose actors keep dying is paused, and the others go on."""

import ctypes
import threading
from contextlib import suppress

import pykka
import pytest

from recursor.actors.graph_builder import GraphBuilder
from recursor.actors.messages import AddTodo, ControlStack, GetLoad, Shutdown
from recursor.actors.orchestrator import Orchestrator
from recursor.actors.role_actor import RoleActor
from recursor.actors.stack_messages import (
    Answered,
    Committed,
    RunAgent,
    TimerFired,
    WakeUp,
)
from recursor.actors.supervisor import StackSupervisor
from recursor.actors.work_cache import WorkCache
from recursor.domain.commands import Command
from recursor.domain.events import CycleFinished, StackChanged, Trouble
from recursor.domain.graph import NodeStatus
from recursor.domain.new_records import new_todo
from recursor.domain.stack import ExecutionState
from recursor.storage.errors import StoreClosedError, UnknownTableError
from recursor.storage.memory_store import MemoryStore
from recursor.storage.opening import memory_store
from tests.actors.stage import WAIT, Cast, Gate, finish_todo, until


class Saboteur:
    """Makes one handler of an actor type fail, as often as told, for the stacks of one name."""

    def __init__(self, monkeypatch, actor_type, message_type, times, error):
        self.left = times
        original = actor_type._handlers[message_type]

        def handler(actor, message):
            if self.left and self.concerns(actor):
                self.left -= 1
                raise error("sabotage")
            return original(actor, message)

        monkeypatch.setitem(actor_type._handlers, message_type, handler)
        self.victim = None

    def concerns(self, actor):
        return self.victim is None or getattr(actor, "_id", getattr(actor, "_stack_id", None)) == self.victim


class Death(BaseException):
    pass


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, Death])
@pytest.mark.parametrize("message_type", [Answered, Committed])
def test_a_supervisor_that_dies_is_replaced(set_stage, monkeypatch, message_type, error, bystander):
    stage = set_stage()
    stack_id = stage.create()
    stage.wait_rest(stack_id)
    deaths = 2
    Saboteur(monkeypatch, StackSupervisor, message_type, deaths, error)
    todo = new_todo(stack_id, "first: a", 3, stage.clock.now())
    added = stage.ref.ask(AddTodo(todo), block=False)
    trouble = stage.wait_for(Trouble, stack_id)

    assert "sabotage" in trouble.problem
    # Whoever had not been answered is told, and may repeat it, whether or not it was written.
    with pytest.raises((error, pykka.ActorDeadError)):
        added.get(timeout=WAIT)
    for _ in range(deaths):
        # It may be answered with the other death.
        with suppress(error, pykka.ActorDeadError):
            assert stage.ask(AddTodo(todo)).id == todo.id
    stage.wait_for(CycleFinished, stack_id)
    assert stage.committed(stack_id) == ["first: a"]


def test_a_stack_whose_supervisors_keep_dying_is_paused_with_the_reason(set_stage, monkeypatch):
    sabotage = Saboteur(monkeypatch, StackSupervisor, Answered, 1000, RuntimeError)
    stage = set_stage()
    sabotage.victim = stack_id = stage.create("first: a", start=False)
    other = stage.create("third: c", name="yard")
    stage.ref.ask(ControlStack(stack_id, Command.START), block=False)
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
    sabotage = Saboteur(monkeypatch, StackSupervisor, TimerFired, 0, RuntimeError)
    stage = set_stage(passivate_after=1000)
    stack_id = stage.create()
    for count in range(8):
        stage.wait_rest(stack_id, count + 1)
        sabotage.left = 1
        stage.clock.advance(31)
    stage.wait_rest(stack_id, 9)

    assert len(stage.events(Trouble, stack_id)) == 8
    assert stage.stack(stack_id).state is ExecutionState.RUNNING


def dying(monkeypatch, actor_type, times):
    """Have actors of a type die as one dies in which its thread is killed, so many times."""
    left, original = [times], actor_type.on_receive

    def on_receive(actor, message):
        # A role actor is sent other messages too.
        if left[0] and (actor_type is not RoleActor or isinstance(message, RunAgent)):
            left[0] -= 1
            actor.actor_stopped.set()
            raise pykka.ActorDeadError("its thread was killed")
        return original(actor, message)

    monkeypatch.setattr(actor_type, "on_receive", on_receive)
    return left


@pytest.mark.parametrize("actor_type", [WorkCache, GraphBuilder, RoleActor])
def test_a_stacks_other_actors_are_replaced_too(set_stage, monkeypatch, actor_type):
    dying(monkeypatch, actor_type, 2)
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


@pytest.mark.parametrize("actor_type", [WorkCache, GraphBuilder])
def test_a_stack_whose_actors_keep_dying_is_paused(set_stage, monkeypatch, actor_type):
    left = dying(monkeypatch, actor_type, 1000)
    stage = set_stage()
    stack_id = stage.create("first: a")
    paused = stage.wait_for(StackChanged, stack_id, where=lambda e: e.state is ExecutionState.PAUSED)

    assert paused.reason == "its actors keep failing: its thread was killed"
    left[0] = 0
    stage.clock.advance(61)
    stage.tell(stack_id, Command.RESUME)
    stage.wait_for(CycleFinished, stack_id)


def test_a_graph_that_cannot_be_built_is_tried_again_and_pauses_its_stack_in_the_end(set_stage, monkeypatch):
    def fail(_builder, _message):
        raise ValueError("no graph today")

    monkeypatch.setattr(GraphBuilder, "on_receive", fail)
    stage = set_stage()
    stack_id = stage.create("first: a")
    trouble = stage.wait_for(Trouble, stack_id)
    assert trouble.problem == "no graph today"
    for count in range(1, 5):
        stage.clock.advance(stage.wait_rest(stack_id, count).decision.pause + 0.1)
    paused = stage.wait_for(StackChanged, stack_id, where=lambda e: e.state is ExecutionState.PAUSED)
    assert "no graph today" in paused.reason


def test_an_agent_whose_thread_is_killed_from_outside_fails_its_node(set_stage, bystander):
    threads = []

    def spin(_snapshot, run):
        threads.append(threading.get_ident())
        while not run.cancelled.is_set():
            pass

    cast = Cast(first=spin)
    stage = set_stage(cast.roles(), agents=1)
    stack_id = stage.create("first: a")
    until(lambda: bool(threads), "the start of the agent")
    kill(threads[0])
    stage.wait_rest(stack_id)

    assert stage.nodes(stack_id)["first"].note == "SystemExit"
    cast.first.act = finish_todo
    stage.clock.advance(5.5)
    stage.wait_rest(stack_id, 2)
    assert stage.committed(stack_id) == ["first: a"]


def kill(thread):
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(SystemExit))


def test_a_supervisor_that_is_gone_without_a_word_is_found_by_the_next_message(set_stage):
    stage = set_stage()
    stack_id = stage.create()
    stage.wait_rest(stack_id)
    orchestrator = stage.ref._actor_weakref()
    # As a dispatcher does with an actor in which its thread has died.
    orchestrator._roster._active[stack_id].supervisor.actor_inbox.terminate()
    assert stage.add_todo(stack_id, "first: a").content == "first: a"
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


@pytest.mark.parametrize("message", [WakeUp("x"), GetLoad()])
def test_a_failure_in_the_orchestrator_is_the_askers_and_no_more(set_stage, monkeypatch, message):
    stage = set_stage()
    Saboteur(monkeypatch, Orchestrator, type(message), 1, RuntimeError)
    if isinstance(message, WakeUp):
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
    closed = memory_store()
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
    Saboteur(monkeypatch, StackSupervisor, Answered, 1, RuntimeError)
    gate.open()

    assert down.get(timeout=WAIT) is True
