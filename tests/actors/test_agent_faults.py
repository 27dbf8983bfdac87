"""What an agent or a detector may do wrong, and that it fails its node, or its stack, and nothing else."""

import _thread
import ctypes
import sys
import threading

import pykka
import pytest

from recursor.domain.commands import Command
from recursor.domain.effect import CreateTodo, Outcome, PublishArtifact, Remember, UpdateTodo
from recursor.domain.events import CycleFinished, NodeFinished, NodeStarted, StackChanged
from recursor.domain.execution import ExecutionStatus
from recursor.domain.graph import NodeStatus, Usage
from recursor.domain.settings import Settings
from recursor.domain.spending import AgentFailedError
from recursor.domain.stack import ExecutionState
from recursor.domain.todo import TodoStatus
from recursor.domain.work import WorkStatus
from recursor.orchestration.roles import Dependency, Role
from tests.actors.stage import Cast, Gate, Player, answer, finish_todo, outcome, until


class UnspeakableError(Exception):
    def __str__(self):
        raise RuntimeError("it has no text")


class Inscrutable:
    def __repr__(self):
        raise RuntimeError("no")


def raising(error):
    def act(_snapshot, _run):
        raise error

    return act


def returning(value):
    return lambda _snapshot, _run: value


def exit_process_politely(_snapshot, _run):
    sys.exit("the agent has had enough")


def exit_thread(_snapshot, _run):
    _thread.exit()


def be_killed(_snapshot, run):
    kill(threading.get_ident())
    # The exception is raised by the interpreter between two instructions.
    while not run.cancelled.is_set():
        pass


def be_killed_on_return(snapshot, run):
    found = finish_todo(snapshot, run)
    kill(threading.get_ident())
    return found


def kill(thread):
    assert (
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(SystemExit)) == 1
    )


def todo_that_is_not_there(snapshot, run):
    return outcome(
        *finish_todo(snapshot, run).effects, UpdateTodo(todo_id="gone", status=TodoStatus.COMPLETED)
    )


class OwnEffect(CreateTodo):
    pass


class OwnOutcome(Outcome):
    colour: str = "blue"


WRONG = {
    "raises": (raising(ValueError("out of ideas")), "ValueError: out of ideas"),
    "raises over many lines": (raising(ValueError("out\nof\n  ideas")), "ValueError: out of ideas"),
    "raises without a word": (raising(ValueError()), "ValueError"),
    "raises the unspeakable": (raising(UnspeakableError()), "UnspeakableError"),
    "raises at length": (raising(ValueError("x" * 100_000)), "ValueError: xxx"),
    "raises half a character": (raising(ValueError("\ud800")), "ValueError: "),
    "raises BaseException": (raising(BaseException("base")), "BaseException: base"),
    "raises KeyboardInterrupt": (raising(KeyboardInterrupt()), "KeyboardInterrupt"),
    "raises GeneratorExit": (raising(GeneratorExit()), "GeneratorExit"),
    "raises ActorDeadError": (raising(pykka.ActorDeadError("who?")), "ActorDeadError: who?"),
    "leaves": (exit_process_politely, "SystemExit: the agent has had enough"),
    "leaves its thread": (exit_thread, "SystemExit"),
    "is killed": (be_killed, "SystemExit"),
    "returns None": (returning(None), "TypeError: the agent returned a NoneType, not an Outcome"),
    "returns text": (returning("done!"), "TypeError: the agent returned a str, not an Outcome"),
    "returns the type": (returning(Outcome), "TypeError: the agent returned a "),
    "returns a mystery": (returning(Inscrutable()), "TypeError: the agent returned a Inscrutable"),
    "returns an effect": (returning(Remember(facts=("x",))), "TypeError: the agent returned a Remember"),
    "names what is not there": (todo_that_is_not_there, "first proposed update_todo: "),
    "effects are no effects": (returning(Outcome.model_construct(effects=42)), ""),
    "effects are text": (returning(Outcome.model_construct(effects=("create a todo",))), ""),
    "effects are of no kind": (returning(Outcome.model_construct(effects=({"kind": "explode"},))), ""),
    "an effect without content": (
        returning(Outcome.model_construct(effects=(CreateTodo.model_construct(content=None),))),
        "",
    ),
    "an effect out of bounds": (
        returning(Outcome.model_construct(effects=(CreateTodo.model_construct(content="x", priority=99),))),
        "",
    ),
    "summary is a number": (returning(Outcome.model_construct(summary=42)), ""),
    "thoughts are objects": (returning(Outcome.model_construct(thoughts=(object(), Inscrutable()))), ""),
    "usage is a wish": (
        returning(Outcome.model_construct(usage=Usage.model_construct(input_tokens="many"))),
        "",
    ),
    "metadata is a set": (returning(Outcome.model_construct(metadata={"a": {1, 2}})), ""),
    "metadata has no end": (returning(Outcome.model_construct(metadata={"a": 2**70})), ""),
    "hides what it set": (returning(Outcome.model_construct(_fields_set=set(), effects=42)), ""),
    "half a character": (returning(outcome(summary="\ud800")), ""),
    "is enormous": (
        returning(outcome(PublishArtifact(content="x" * 50_000_000))),
        "the outcome has 50,000,",
    ),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("act", "note"), WRONG.values(), ids=WRONG.keys())
def test_what_an_agent_does_wrong_fails_its_node_alone(set_stage, act, note, bystander):
    cast = Cast(first=act)
    stage = set_stage(cast.roles())
    other = stage.create("third: c", name="yard")
    stack_id = stage.create("first: a", start=False)
    stage.write_to(stack_id)
    stage.tell(stack_id, Command.START)
    stage.wait_rest(stack_id)
    stage.wait_rest(other)

    (cycle,) = stage.cycles(stack_id)
    assert cycle.status is ExecutionStatus.FAILED
    node = stage.nodes(stack_id)["first"]
    assert node.status is NodeStatus.FAILED
    assert node.note.startswith(note)
    assert len(node.note) < 700
    assert stage.todos(stack_id)["first: a"] is TodoStatus.PENDING
    assert len(stage.todos(stack_id)) == 1
    # The other agent of the same wave, and the other stack, have not noticed.
    assert stage.committed(stack_id) == ["answered"]
    assert stage.committed(other) == ["third: c"]
    assert stage.ref.is_alive()

    # Nor has the role: its next run is as if nothing had been.
    cast.first.act = finish_todo
    stage.clock.advance(5.5)
    stage.wait_rest(stack_id, 2)
    assert stage.committed(stack_id) == ["answered", "first: a"]


@pytest.mark.parametrize("attempt", range(5))
def test_a_thread_that_is_killed_as_an_agent_returns_ends_no_actor_of_others(set_stage, attempt, bystander):
    stage = set_stage(Cast(first=be_killed_on_return).roles())
    stack_id = stage.create("first: a")
    ended = stage.wait_for(CycleFinished, stack_id)

    # Whether the outcome or the end came first is a matter of instructions.
    expected = ["first: a"] if ended.status is ExecutionStatus.COMPLETED else []
    assert stage.committed(stack_id) == expected
    assert stage.ref.is_alive()


def test_an_outcome_of_an_own_type_is_taken_for_what_it_says(set_stage):
    def act(snapshot, run):
        found = finish_todo(snapshot, run)
        return OwnOutcome(effects=(*found.effects, OwnEffect(content="last: more")), summary=found.summary)

    stage = set_stage(Cast(first=act).roles())
    stack_id = stage.create("first: a")
    stage.wait_rest(stack_id)

    node = stage.nodes(stack_id, 0)["first"]
    assert (node.status, node.note) == (NodeStatus.COMPLETED, None)
    assert stage.committed(stack_id) == ["first: a", "last: more"]


def test_an_outcome_may_be_as_large_as_the_setting_says(set_stage):
    def act(snapshot, run):
        page = PublishArtifact(content="x" * 2_000_000)
        return outcome(page, *finish_todo(snapshot, run).effects, summary="published")

    stage = set_stage(Cast(first=act).roles())
    refused = stage.create("first: a", settings={"limits": {"outcome_bytes": 1_000_000}})
    taken = stage.create("first: a", name="yard")
    stage.wait_rest(refused)
    stage.wait_rest(taken)

    assert stage.committed(refused) == []
    assert stage.committed(taken) == ["published"]


def test_what_is_too_large_is_not_paid_for_a_third_time(set_stage):
    def act(snapshot, _run):
        size = 2_000_000 + len(cast.first.runs)
        usage = Usage(model="m", input_tokens=1_000)
        return Outcome(effects=(PublishArtifact(content="x" * size),), usage=usage)

    cast = Cast(first=act)
    stage = set_stage(cast.roles())
    stack_id = stage.create("first: a", settings={"limits": {"outcome_bytes": 1_000_000}})
    stage.wait_rest(stack_id)
    stage.clock.advance(6)
    until(lambda: stage.stack(stack_id).state is ExecutionState.PAUSED, "it is paused")
    reason = stage.stack(stack_id).state_reason
    assert "more than limits.outcome_bytes = 1,000,000: make it smaller, or raise the limit" in reason
    assert "twice in a row" in reason
    assert len(cast.first.runs) == 2
    assert stage.nodes(stack_id)["first"].usage.tokens == 1_000
    stage.tell(stack_id, Command.RESUME)
    until(lambda: len(cast.first.runs) == 3, "one more try")
    until(lambda: stage.stack(stack_id).state is ExecutionState.PAUSED, "it is paused again")
    assert len(cast.first.runs) == 3


def test_invalid_answers_are_not_paid_for_a_third_time_whatever_is_wrong_with_them(set_stage):
    problems = ["title is missing", "steps: not a list", "title is missing"]

    def act(_snapshot, _run):
        problem = (
            f"no valid answer, model.retries = 3; the last problem: {problems[len(cast.first.runs) - 1]}"
        )
        raise AgentFailedError(problem, Usage(model="m", input_tokens=4_000), lasts=True)

    cast = Cast(first=act)
    stage = set_stage(cast.roles())
    stack_id = stage.create("first: a")
    stage.wait_rest(stack_id)
    stage.clock.advance(6)
    until(lambda: stage.stack(stack_id).state is ExecutionState.PAUSED, "it is paused")
    assert "steps: not a list; twice in a row" in stage.stack(stack_id).state_reason
    assert len(cast.first.runs) == 2


# -- Agents that hang ------------------------------------------------------------------------------------


def test_an_agent_that_hangs_is_abandoned_at_its_limit_and_gives_its_place_to_others(set_stage):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles(), agents=1)
    stuck = stage.create("first: a", settings={"limits": {"node_seconds": 60}})
    gate.wait_entered()
    waiting = stage.create("third: c", name="yard")
    until(lambda: stage.load().agents_queued == 1, "the other stack's agent waits for a slot")
    stage.clock.advance(59)
    assert stage.load().agents_running == 1
    assert stage.committed(waiting) == []
    assert [running.since is not None for running in stage.status(stuck).running] == [True]
    assert [running.since for running in stage.status(waiting).running] == [None]

    stage.clock.advance(1.5)
    stage.wait_rest(stuck)
    stage.wait_rest(waiting)
    node = stage.nodes(stuck)["first"]
    assert (node.status, node.note) == (
        NodeStatus.FAILED,
        "exceeded its time limit of 60 s",
    )
    assert stage.committed(waiting) == ["third: c"]
    assert stage.load().agents_abandoned == 1
    assert cast.first.runs[0].cancelled.is_set()

    # What it returns in the end is discarded, and the actor that took its place does the work.
    gate.open()
    until(lambda: stage.load().agents_abandoned == 0, "the end of the abandoned thread")
    assert stage.committed(stuck) == []
    stage.clock.advance(5.5)
    stage.wait_rest(stuck, 2)
    assert stage.committed(stuck) == ["first: a"]


def test_the_time_that_an_agent_waits_for_its_place_does_not_count(set_stage):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(
        cast.roles(), agents=1, settings=Settings().overridden({"limits": {"node_seconds": 60}})
    )
    slow = stage.create("first: a")
    gate.wait_entered()
    waiting = stage.create("third: c", name="yard")
    until(lambda: stage.load().agents_queued == 1, "the queue")
    stage.clock.advance(50)
    gate.open()
    stage.wait_rest(waiting)
    stage.wait_rest(slow)
    stage.clock.advance(20)

    assert stage.committed(slow) == ["first: a"]
    assert stage.committed(waiting) == ["third: c"]


def test_who_has_finished_is_not_abandoned_while_the_wave_waits_for_another(set_stage):
    gate, cast = Gate(answer), Cast()
    cast.communicator.act = gate
    stage = set_stage(cast.roles(), settings=Settings().overridden({"limits": {"node_seconds": 60}}))
    stack_id = stage.create("first: a", start=False)
    stage.write_to(stack_id)
    stage.tell(stack_id, Command.START)
    gate.wait_entered()
    # One that runs alone may be the first of the two.
    until(
        lambda: [running.role for running in stage.status(stack_id).running] == ["communicator"],
        "the end of the other agent",
    )
    stage.clock.advance(61)
    stage.wait_for(NodeFinished, stack_id, count=2)
    gate.open()

    nodes = stage.nodes(stack_id, 0)
    assert nodes["first"].status is NodeStatus.COMPLETED
    assert nodes["communicator"].status is NodeStatus.FAILED


def test_the_most_urgent_runs_get_the_places_that_there_are(set_stage):
    gate, cast = Gate(), Cast()
    cast.first.act = gate
    stage = set_stage(cast.roles(), agents=1)
    stage.create("first: a")
    gate.wait_entered()
    common = stage.create("third: c", name="yard")
    visited = stage.create(name="park")
    stage.write_to(visited)
    until(lambda: stage.load().agents_queued == 2, "the queue")
    gate.open()
    stage.wait_rest(visited)
    stage.wait_rest(common)

    order = [event.role for event in stage.events(NodeStarted)]
    assert order == ["first", "communicator", "third"]


# -- Detectors -------------------------------------------------------------------------------------------


def no_reply(*_given):
    return None


def leave(*_given):
    sys.exit(3)


def unspeakable(*_given):
    raise UnspeakableError


def not_a_status(*_given):
    return {"has_work": True}


def beyond_bounds(*_given):
    return WorkStatus(has_work=True, priority=11, reason="at once!")


@pytest.mark.parametrize(
    ("detect", "what"),
    [
        (raising(ZeroDivisionError("oops")), "ZeroDivisionError: oops"),
        (leave, "SystemExit: 3"),
        (unspeakable, "UnspeakableError"),
        (no_reply, "NoneType"),
        (not_a_status, "dict"),
        (beyond_bounds, "less than or equal to 10"),
    ],
    ids=["raises", "leaves", "unspeakable", "returns None", "returns a dict", "out of bounds"],
)
def test_a_detector_that_fails_is_tried_again_and_then_pauses_its_stack(set_stage, detect, what):
    bad = [True]

    def sometimes(snapshot, settings, now):
        if bad[0] and snapshot.stack.name == "garden":
            return detect(snapshot, settings) if detect.__code__.co_argcount == 2 else detect()
        return WorkStatus(has_work=False, reason="nothing")

    stage = set_stage(Cast().roles(Role("watcher", sometimes, Player())))
    other = stage.create("third: c", name="yard")
    stack_id = stage.create("first: a")
    stage.wait_rest(other)
    for count, backoff in enumerate((5, 10, 20, 40), start=1):
        waits = stage.wait_rest(stack_id, count)
        assert waits.decision.pause == backoff
        stage.clock.advance(backoff + 0.1)
    paused = stage.wait_for(StackChanged, stack_id, where=lambda e: e.state is ExecutionState.PAUSED)

    assert "watcher" in paused.reason
    assert what in paused.reason
    assert stage.committed(other) == ["third: c"]
    assert stage.cycles(stack_id) == []
    bad[0] = False
    stage.tell(stack_id, Command.RESUME)
    stage.wait_for(CycleFinished, stack_id)
    assert stage.committed(stack_id) == ["first: a"]


def test_a_detector_that_fails_once_costs_no_more_than_a_pause(set_stage):
    calls = []

    def first_time(*_given):
        calls.append(1)
        if len(calls) == 1:
            raise OSError("not now")
        return WorkStatus(has_work=False, reason="nothing")

    stage = set_stage(Cast().roles(Role("watcher", first_time, Player())))
    stack_id = stage.create("first: a")
    waits = stage.wait_rest(stack_id)
    assert waits.decision.reason == "work detection failed: watcher: OSError: not now"
    assert stage.status(stack_id).trouble == waits.decision.reason
    stage.clock.advance(5.5)
    stage.wait_for(CycleFinished, stack_id)

    assert stage.committed(stack_id) == ["first: a"]
    assert stage.status(stack_id).trouble is None


def test_a_condition_of_a_dependency_that_raises_is_the_detectors_failure(set_stage):
    def never(_status, _settings):
        raise LookupError("no such thing")

    def always(*_given):
        return WorkStatus(has_work=True, priority=3, reason="always")

    picky = Role("picky", always, Player(lambda *_: outcome()), (Dependency("first", never),))
    stage = set_stage(Cast().roles(picky))
    stack_id = stage.create("first: a")

    waits = stage.wait_rest(stack_id)
    assert waits.decision.reason == "work detection failed: picky: LookupError: no such thing"
