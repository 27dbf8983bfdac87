"""Whatever happens to a stack, in whatever order: the promises hold."""

from collections.abc import Callable
from itertools import count
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from recursor.domain.commands import (
    AddTodo,
    CancelTodo,
    Command,
    ConfigureStack,
    ControlStack,
    CreateStack,
    DeleteStack,
    EditTodo,
    RenameStack,
    SendStackMessage,
    SendUserMessage,
    SetIdea,
)
from recursor.domain.effect import (
    AnswerUserMessage,
    CreateTodo,
    Outcome,
    ReadMessages,
    SendMessage,
    SetPhase,
    UpdateTodo,
)
from recursor.domain.errors import NotFoundError, RecursorError
from recursor.domain.graph import NodeStatus
from recursor.domain.spending import AgentFailedError
from recursor.domain.stack import ExecutionState, Phase
from recursor.domain.todo import TodoStatus
from recursor.domain.work import WorkReport
from recursor.orchestration.graph import build_graph
from recursor.orchestration.stack_commands import named_by_command
from recursor.orchestration.stack_events import (
    Activity,
    Arrived,
    Build,
    ChildDied,
    Look,
    Posted,
    Quiesce,
    RunWave,
    Woken,
)
from recursor.storage.queries import orchestration_stats
from recursor.storage.stack_store import Loader, find_records
from recursor.storage.tables import EXECUTIONS, GRAPHS
from tests.making import (
    NOW,
    ROLES,
    STACK,
    make_idea,
    make_message,
    make_stack,
    make_status,
    make_todo,
    make_user_message,
)
from tests.orchestration.desk import make_records
from tests.orchestration.owner import Owner, Question, result_of

OTHER = "5eed000000000002"
DEPENDENCIES = {"builder": ("planner",), "reviewer": ("builder",)}


def may_run(owner: Owner) -> bool:
    """Whether agents of the owner's stack may begin."""
    state = owner.state
    is_running = state.records.stack.state is ExecutionState.RUNNING
    return is_running and state.runs and not state.quiescing and state.damage is None


def report_of(roles: set[str], now: float) -> Any:
    """Return a work status in which some roles have work, each after those that it depends on."""
    statuses = {
        role: make_status(
            5 if role in roles else 0,
            dependencies=tuple(d for d in DEPENDENCIES.get(role, ()) if d in roles),
        )
        for role in ROLES
    }
    return WorkReport(stack_id=STACK, computed_at=now, statuses=statuses)


class Orders(RuleBasedStateMachine):
    """Random events, in any order that a supervisor could meet them."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = count(1)
        self.futures: list[Any] = []
        self.runs: list[tuple[str, str, int]] = []
        """(cycle, role, attempt) of every agent that began."""
        self.results: set[tuple[str, str, int]] = set()
        """Those whose results the owner took in and has not lost to the death of the process."""
        self.last_turn = -1

    @initialize()
    def create(self) -> None:
        self.owner = Owner(make_records(stack=make_stack(state="idle"), idea=None), is_new=True)
        command = CreateStack(make_stack(state="idle"), make_idea(), start=True)
        self.futures.append(self.owner.do(command))
        self.owner.write_all()

    # -- What people and other stacks do ---------------------------------------------------------------------

    def do(self, command: Any) -> None:
        owner = self.owner
        before, copy = owner.state, owner.records.copy()
        with owner.disk.read() as reader:
            found = find_records(reader, STACK, named_by_command(command))
        try:
            self.futures.append(owner.do(command, found))
        except RecursorError:
            # What is refused has changed nothing.
            assert owner.state is before
            assert owner.records == copy

    @rule(
        command=st.sampled_from([Command.PAUSE, Command.RESUME, Command.RESUME, Command.START, Command.STOP])
    )
    def steer(self, command: Command) -> None:
        self.do(ControlStack(STACK, command))

    @rule(data=st.data())
    def tell(self, data: st.DataObject) -> None:
        records, number = self.owner.records, next(self.numbers)
        todos = [todo.id for todo in records.todos] or [f"{1:032}"]
        todo_id = data.draw(st.sampled_from(todos))
        commands = [
            SendUserMessage(make_user_message(number)),
            AddTodo(make_todo(number)),
            CancelTodo(STACK, todo_id),
            EditTodo(STACK, todo_id, f"edited {number}"),
            SendStackMessage(make_message(number)),
            SetIdea(make_idea(idea=f"idea {number % 3}")),
            RenameStack(STACK, f"name {number % 3}"),
            ConfigureStack(STACK, {"pause": {"after_work": number % 3}}),
            CreateStack(make_stack(), start=bool(number % 2)),
        ]
        self.do(data.draw(st.sampled_from(commands)))

    @rule()
    def broadcast(self) -> None:
        message = make_message(next(self.numbers) + 1000, to_stack_id=None)
        self.owner.disk.post(message)
        self.owner.feed(Posted(message))

    @precondition(lambda self: self.owner.delivering)
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        message = data.draw(st.sampled_from(self.owner.delivering))
        self.owner.delivering.remove(message)
        self.owner.feed(Arrived(message.id))

    # -- What its actors do ----------------------------------------------------------------------------------

    @precondition(lambda self: self.owner.questions)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """Answer one question: the one that counts, or one that nobody waits for any more."""
        owner = self.owner
        question = data.draw(st.sampled_from(owner.questions))
        match question.effect:
            case Look():
                if data.draw(st.integers(0, 9)) == 0:
                    owner.answer(question, "a detector failed")
                else:
                    roles = data.draw(st.sets(st.sampled_from(ROLES)))
                    owner.answer(question, report_of(roles, owner.now))
            case Build(report, graph_id):
                if data.draw(st.integers(0, 9)) == 0:
                    owner.answer(question, "the builder failed")
                else:
                    owner.answer(question, build_graph(report, graph_id, owner.now))
            case RunWave():
                self.end_wave(question, data)

    @rule(data=st.data(), steps=st.integers(1, 8))
    def get_on(self, data: st.DataObject, steps: int) -> None:
        """Do some of what usually happens next: so that more than beginnings are met."""
        owner = self.owner
        for _ in range(steps):
            counting = [each for each in owner.questions if each.turn == owner.state.turn]
            if owner.disk.waiting is not None:
                owner.write()
            elif not counting:
                break
            elif isinstance(counting[0].effect, Look):
                roles = data.draw(st.sets(st.sampled_from(ROLES), min_size=1))
                owner.answer(counting[0], report_of(roles, owner.now))
            elif isinstance(counting[0].effect, Build):
                build = counting[0].effect
                owner.answer(counting[0], build_graph(build.report, build.graph_id, owner.now))
            elif counting[0].begun or counting[0].taken_back:
                self.end_wave(counting[0], data)
            else:
                for node in counting[0].effect.nodes:
                    self.note_begun(counting[0], node)

    def end_wave(self, question: Question, data: st.DataObject) -> None:
        owner, run = self.owner, question.effect
        assert isinstance(run, RunWave)
        results = []
        for node in run.nodes:
            if node.role not in question.begun:
                if question.taken_back:
                    continue
                self.note_begun(question, node)
            results.append(result_of(node, self.see(), owner.now, **self.outcome(data)))
        counts = question.turn == owner.state.turn
        owner.answer(question, results)
        if counts:
            self.results |= {(run.execution_id, each.role, each.attempt) for each in results}

    @precondition(lambda self: any(isinstance(q.effect, RunWave) for q in self.owner.questions))
    @rule(data=st.data())
    def begin_an_agent(self, data: st.DataObject) -> None:
        waiting = [
            (question, node)
            for question in self.owner.questions
            if isinstance(question.effect, RunWave) and not question.taken_back
            for node in question.effect.nodes
            if node.role not in question.begun
        ]
        if waiting:
            self.note_begun(*data.draw(st.sampled_from(waiting)))

    def note_begun(self, question: Question, node: Any) -> None:
        """Note that an agent begins: its run is on disk, its stack may run, and it is a new attempt."""
        owner, run = self.owner, question.effect
        assert isinstance(run, RunWave)
        question.begun.add(node.role)
        if question.turn == owner.state.turn:
            assert owner.activity is Activity.RUNNING
            assert may_run(owner)
            with owner.disk.read() as reader:
                graph = GRAPHS.get(reader, STACK, run.execution_id)
            assert graph is not None
            stored = {each.role: each for each in graph.nodes}[node.role]
            assert (stored.status, stored.attempts) == (NodeStatus.RUNNING, node.attempts)
        key = (run.execution_id, node.role, node.attempts)
        assert all(
            attempt < node.attempts
            for cycle, role, attempt in self.runs
            if (cycle, role) == (run.execution_id, node.role)
        )
        self.runs.append(key)

    def see(self) -> Any:
        return self.owner.records.snapshot(dict.fromkeys(ROLES), self.owner.now)

    def outcome(self, data: st.DataObject) -> dict[str, Any]:
        snapshot = self.see()
        effects: list[Any] = [
            CreateTodo(content="dig"),
            SendMessage(content="hello"),
            SetPhase(phase=data.draw(st.sampled_from([Phase.BUILDING, Phase.COMPLETE]))),
            UpdateTodo(todo_id="made up", priority=1),
        ]
        effects += [UpdateTodo(todo_id=t.id, status=TodoStatus.COMPLETED) for t in snapshot.open_todos[:1]]
        effects += [AnswerUserMessage(message_id=m.id, answer="yes") for m in snapshot.unanswered[:1]]
        effects += [ReadMessages(message_ids=(m.id,)) for m in snapshot.messages[:1]]
        kind = data.draw(st.sampled_from(["does", "does", "does nothing", "fails", "needs a person"]))
        match kind:
            case "does":
                return {"outcome": Outcome(effects=(data.draw(st.sampled_from(effects)),), summary="did")}
            case "does nothing":
                return {"outcome": Outcome()}
            case "fails":
                return {"error": "it failed"}
            case _:
                failure = AgentFailedError("no key", suspend=True)
                return {"error": str(failure), "failure": failure}

    @precondition(lambda self: self.owner.activity in (Activity.LOOKING, Activity.BUILDING))
    @rule()
    def child_dies(self) -> None:
        self.owner.questions.remove(self.owner.asked)
        self.owner.feed(ChildDied("its thread was killed"))

    # -- The disk, the time, and the end ---------------------------------------------------------------------

    @precondition(lambda self: self.owner.disk.waiting is not None)
    @rule()
    def write(self) -> None:
        self.owner.write()

    @precondition(lambda self: self.owner.disk.waiting is not None)
    @rule()
    def fail_to_write(self) -> None:
        self.owner.fail()

    @rule(seconds=st.sampled_from([0.1, 5.0, 40.0, 1000.0]))
    def pass_time(self, seconds: float) -> None:
        self.owner.pass_time(seconds)

    @rule()
    def shut_down(self) -> None:
        self.owner.feed(Quiesce())

    @rule()
    def die(self) -> None:
        """The process dies, with or without the commit under way, and another begins with what is on disk."""
        owner = self.owner
        self.futures.clear()
        owner.questions.clear()
        owner.delivering.clear()
        owner.timer, owner.disk.waiting = None, None
        owner.is_quiet, owner.taken_back, self.last_turn = False, -1, -1
        with owner.disk.read() as reader:
            loader = Loader(reader, STACK)
            try:
                records = loader.records()
            except NotFoundError:
                self.runs.clear()
                self.results.clear()
                self.create()
                return
            assert loader.damage is None
            self.results &= self.stored_results()
        owner.begin(records)
        owner.feed(Woken())

    @rule()
    def delete(self) -> None:
        if next(self.numbers) % 7 == 0:
            self.do(DeleteStack(STACK))

    # -- What holds ------------------------------------------------------------------------------------------

    def stored_results(self) -> set[tuple[str, str, int]]:
        """Return the runs whose results are on disk."""
        with self.owner.disk.read() as reader:
            return {
                (graph.id, node.role, node.attempts)
                for graph in GRAPHS.scan(reader, STACK)
                for node in graph.nodes
                if node.status in (NodeStatus.COMPLETED, NodeStatus.FAILED)
            }

    @invariant()
    def turns_grow(self) -> None:
        assert self.owner.state.turn >= self.last_turn
        self.last_turn = self.owner.state.turn

    @invariant()
    def one_question_counts(self) -> None:
        owner = self.owner
        counting = [each for each in owner.questions if each.turn == owner.state.turn]
        kinds = {Activity.LOOKING: Look, Activity.BUILDING: Build, Activity.RUNNING: RunWave}
        kind = kinds.get(owner.activity)
        if kind is None:
            assert not counting
        else:
            # The agents of a wave are asked when that is on disk.
            assert len(counting) == 1 or (kind is RunWave and owner.disk.waiting is not None)
            assert all(isinstance(each.effect, kind) for each in counting)

    @invariant()
    def a_stack_that_may_not_run_runs_nothing_new(self) -> None:
        owner = self.owner
        if not may_run(owner) and owner.activity is Activity.RUNNING:
            assert all(each.taken_back for each in owner.questions if each.turn == owner.state.turn)

    @invariant()
    def nothing_that_came_is_forgotten_at_rest(self) -> None:
        state = self.owner.state
        if state.activity is Activity.RESTING and not state.backing_off:
            assert state.looked_at == state.records.changes
            assert may_run(self.owner)

    @invariant()
    def one_cycle_at_a_time(self) -> None:
        with self.owner.disk.read() as reader:
            current = [each for each in EXECUTIONS.scan(reader, STACK) if each.finished_at is None]
            numbers = [each.number for each in EXECUTIONS.scan(reader, STACK)]
            assert len(current) <= 1
            assert numbers == list(range(1, len(numbers) + 1))

    def teardown(self) -> None:
        if not hasattr(self, "owner"):
            return
        self.settle()
        owner = self.owner
        if owner.activity is Activity.GONE:
            assert owner.is_gone
            return
        assert all(future.done() for future in self.futures)
        assert self.results <= self.stored_results() | self.cancelled_results()
        assert owner.state.quiescing == owner.is_quiet
        with owner.disk.read() as reader:
            loader = Loader(reader, STACK)
            on_disk = loader.records()
            assert loader.damage is None
            executions = list(EXECUTIONS.scan(reader, STACK))
            stats = orchestration_stats(reader, STACK, 0, NOW * 2)
        for name in (
            "stack",
            "idea",
            "todos",
            "user_messages",
            "messages",
            "broadcasts",
            "artifact",
            "states",
            "execution",
            "graph",
            "outbox",
        ):
            assert getattr(on_disk, name) == getattr(owner.records, name), name
        assert not owner.records.outbox, "all messages have arrived"
        # Every cycle has ended once, but for one that waits for a resume.
        ended = [each for each in executions if each.finished_at is not None]
        assert stats.cycles == len(ended)
        assert len(executions) - len(ended) == (owner.records.execution is not None)

    def cancelled_results(self) -> set[tuple[str, str, int]]:
        """Return the runs whose cycle was cancelled: what they came to may be lost with a full disk."""
        with self.owner.disk.read() as reader:
            cancelled = {e.id for e in EXECUTIONS.scan(reader, STACK) if e.status == "cancelled"}
        return {key for key in self.results if key[0] in cancelled}

    def settle(self) -> None:
        """Let all come to rest: the disk has room, nobody has work, and messages arrive."""
        owner = self.owner
        for _ in range(100):
            owner.write_all()
            if owner.delivering:
                owner.feed(Arrived(owner.delivering.pop().id))
            elif owner.questions:
                question = owner.questions[-1]
                match question.effect:
                    case Look():
                        owner.answer(question, report_of(set(), owner.now))
                    case Build(report, graph_id):
                        owner.answer(question, build_graph(report, graph_id, owner.now))
                    case RunWave(_, _, nodes):
                        taken = [n for n in nodes if not question.taken_back or n.role in question.begun]
                        owner.answer(
                            question,
                            [result_of(n, self.see(), owner.now, outcome=Outcome()) for n in taken],
                        )
            elif owner.state.backing_off and owner.state.due is not None:
                owner.pass_time(owner.state.due - owner.now)
            elif owner.disk.waiting is None:
                assert owner.activity in (Activity.HELD, Activity.RESTING, Activity.GONE)
                return
        raise AssertionError("it comes to no rest")


Orders.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestOrders: Callable[..., Any] = Orders.TestCase
