"""Agents in further processes: what they ask for is counted here, waits here, and ends with them."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from recursor.agents.hosts.errors import FarError, HostGoneError
from recursor.agents.hosts.host import Host
from recursor.agents.hosts.hosted import HostedAgent
from recursor.agents.model.exchange import Exchange
from recursor.domain.agent import Run
from recursor.domain.effect import Outcome
from recursor.domain.rates import Rate
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError, Budget, BudgetExceededError, Spend
from recursor.runner.agent_processes import AgentAssignment, AgentProcesses
from recursor.runner.child_process import ChildLog
from tests.agents.model.asked import GOOD
from tests.agents.model.conftest import KEY, Books, FastClock, RunMaker
from tests.agents.model.hosted_team import Planner
from tests.agents.model.loop import CancelledRunError, agent_loop, stop
from tests.making import make_snapshot
from tests.model_stub.answers import Answer, Fault, always, in_turn
from tests.model_stub.server import ModelStub
from tests.processes import TIMEOUT, wait_for

TEAM = "tests.agents.model.hosted_team:team"
HANGS = Answer(fault=Fault.HANG)


@contextmanager
def made_exchange() -> Iterator[Exchange]:
    clock = FastClock()
    exchange = Exchange(clock, {"openai": Rate(concurrent=2)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        yield exchange
        agent_loop().run(exchange.aclose())
    clock.close()


@contextmanager
def made_processes(exchange: Exchange, path: Path, count: int) -> Iterator[AgentProcesses]:
    processes = AgentProcesses(count, AgentAssignment(TEAM), ChildLog("agents", path, False), exchange)
    agent_loop().run(processes.start())
    try:
        wait_for(lambda: up(processes) == count)
        yield processes
    finally:
        agent_loop().run(processes.stop())


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    with made_exchange() as exchange:
        yield exchange


@pytest.fixture
def count() -> int:
    """How many processes there are."""
    return 1


@pytest.fixture
def processes(exchange: Exchange, tmp_path: Path, count: int) -> Iterator[AgentProcesses]:
    with made_processes(exchange, tmp_path, count) as processes:
        yield processes


@pytest.fixture(scope="module")
def lasting_processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcesses]:
    """One process, for tests after which it is as before."""
    with (
        made_exchange() as exchange,
        made_processes(exchange, tmp_path_factory.mktemp("lasting"), 1) as processes,
    ):
        yield processes


@pytest.fixture
def lasting_agent(lasting_processes: AgentProcesses) -> "Agent":
    return agent_in(lasting_processes.host)


def up(processes: AgentProcesses) -> int:
    return len(processes.all())


Agent = Callable[[Run], Future[Outcome]]


def agent_in(find_host: Callable[[], Host | None]) -> Agent:
    """Return what begins a run of the team's planner."""
    hosted = HostedAgent(Planner(), find_host)

    def begin(run: Run) -> Future[Outcome]:
        work = hosted.choose(run.role, make_snapshot(), run.settings).run(make_snapshot(), run)
        assert isinstance(work, Coroutine)
        return agent_loop().begin(run, work)

    return begin


@pytest.fixture
def agent(processes: AgentProcesses) -> Agent:
    return agent_in(processes.host)


def asked_in(outcome_thoughts: tuple[str, ...]) -> int:
    return int(outcome_thoughts[0].removeprefix("in "))


def test_it_runs_elsewhere_and_is_counted_here(
    lasting_agent: Agent, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(GOOD)
    told: list[str] = []
    outcome = lasting_agent(make_run(say=told.append)).result()
    assert outcome.summary == "Tea"
    assert asked_in(outcome.thoughts) != os.getpid()
    assert told[-1] == "Tea\nboil\npour"
    assert (books.runs, books.open, books.spent.tokens) == (1, {}, sum(stub.billed))
    assert stub.calls[0].authorization == f"Bearer {KEY}"


@pytest.mark.parametrize("count", [2])
def test_calls_of_all_processes_wait_in_one_line(
    agent: Agent, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    gate = Event()
    stub.script = always(replace(GOOD, held_until=gate))
    runs = [agent(make_run()) for _ in range(12)]
    stub.wait_until(lambda seen: seen.answering == 2)
    gate.set()
    used = {asked_in(run.result().thoughts) for run in runs}
    assert (stub.most_at_once, len(stub.calls), books.open) == (2, 12, {})
    assert os.getpid() not in used


def test_a_budget_holds(lasting_agent: Agent, make_run: RunMaker, stub: ModelStub, books: Books) -> None:
    books.budget = Budget(tokens=100)
    with pytest.raises(BudgetExceededError, match=r"budget\.tokens"):
        lasting_agent(make_run()).result()
    assert stub.calls == []


def test_an_unwanted_run_ends_on_the_wire(
    lasting_agent: Agent, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(HANGS)
    run = make_run()
    running = lasting_agent(run)
    stub.wait_until(lambda stub: bool(stub.calls))
    stop(run)
    assert isinstance(running.exception(), CancelledRunError)
    stub.wait_until(lambda stub: stub.hung_up == 1)
    assert books.settled == [None]


def test_a_stopped_run_counts_what_its_last_call_has_spent(
    lasting_agent: Agent, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(GOOD)
    run = make_run()
    settle = books.settle

    async def settle_late(reservation: str, spent: Spend | None) -> None:
        stop(run)
        await asyncio.sleep(0.1)
        await settle(reservation, spent)

    books.settle = settle_late  # type: ignore[method-assign]  # it is stopped just then
    assert isinstance(lasting_agent(run).exception(), CancelledRunError)
    assert (books.spent.tokens, books.open) == (sum(stub.billed), {})


@pytest.mark.parametrize("count", [2])
@pytest.mark.slow
def test_whoever_is_taken_out_of_the_line_is_in_nobodys_way(
    agent: Agent, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = in_turn(HANGS, HANGS, GOOD)
    hanging = [make_run(), make_run()]
    ends = [agent(run) for run in hanging]
    stub.wait_until(lambda stub: len(stub.calls) == 2)
    third = make_run()
    ends.append(agent(third))
    wait_for(lambda: books.runs == 3)
    for run in (third, *hanging):
        stop(run)
    assert {type(end.exception()) for end in ends} == {CancelledRunError}
    assert agent(make_run()).result().summary == "Tea"


@pytest.mark.parametrize("count", [2])
@pytest.mark.slow
def test_what_a_process_was_at_when_it_died_is_begun_anew_and_counts(
    agent: Agent, processes: AgentProcesses, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = in_turn(HANGS, GOOD)
    running = agent(make_run())
    stub.wait_until(lambda stub: bool(stub.calls))
    os.kill(busy(processes), signal.SIGKILL)
    assert running.result().summary == "Tea"
    assert len(stub.calls) == 2
    assert books.runs == 1
    assert (books.settled[0], books.open) == (None, {})
    assert books.spent == books.most[0].plus(books.settled[1] or Spend())


def busy(processes: AgentProcesses) -> int:
    """The process in which something runs."""
    (pid,) = {host.pid for host in processes.all() if host.running}
    return pid


@pytest.mark.parametrize("count", [2])
@pytest.mark.slow
def test_who_dies_again_and_again_fails_the_run(
    agent: Agent, processes: AgentProcesses, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(HANGS)
    running = agent(make_run())
    for calls in (1, 2):
        stub.wait_until(lambda stub, calls=calls: len(stub.calls) == calls)  # type: ignore[misc]
        os.kill(busy(processes), signal.SIGKILL)
        if calls == 1:
            stub.wait_until(lambda stub: stub.hung_up == 1)
    with pytest.raises(AgentFailedError, match="has ended: it is tried again"):
        running.result()
    assert (books.settled, books.open) == ([None, None], {})


@pytest.mark.slow
def test_what_ends_its_process_never_runs_here(
    processes: AgentProcesses, make_run: RunMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = iter([processes.host()])
    monkeypatch.setenv("SPARED", str(os.getpid()))
    agent = agent_in(lambda: next(hosts, None))
    with pytest.raises(AgentFailedError, match="has ended: it is tried again"):
        agent(replace(make_run(), reason="end the process")).result()


def test_a_death_is_seen_although_a_child_lives_on(
    exchange: Exchange, make_run: RunMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "note"
    monkeypatch.setenv("NOTE", str(note))
    processes = AgentProcesses(1, AgentAssignment(TEAM), ChildLog("agents", tmp_path, False), exchange)
    agent_loop().run(processes.start())
    try:
        wait_for(lambda: up(processes) == 1)
        run = replace(make_run(), reason="die and leave a child")
        dying = run_in(processes.all()[0], run)
        wait_for(lambda: note.exists() and note.read_text())
        try:
            assert isinstance(dying.exception(TIMEOUT), HostGoneError)
        finally:
            os.kill(int(note.read_text()), signal.SIGKILL)
    finally:
        agent_loop().run(processes.stop())


def run_in(host: Host, run: Run) -> Future[Outcome]:
    return agent_loop().begin(run, host.run(make_snapshot(), run))


def test_what_an_agent_starts_can_be_told_to_end(lasting_agent: Agent, make_run: RunMaker) -> None:
    outcome = lasting_agent(replace(make_run(), reason="start a program")).result()
    assert outcome.thoughts == ("[]\n",)


@pytest.mark.parametrize("count", [2])
@pytest.mark.slow
def test_a_process_that_reads_nothing_is_in_nobodys_way(
    processes: AgentProcesses, make_run: RunMaker, stub: ModelStub
) -> None:
    # All processes are told of a refusal.
    stub.script = in_turn(Answer("slow down", status=429, headers={"Retry-After": "4"}), GOOD)
    frozen, other = processes.all()
    os.kill(frozen.pid, signal.SIGSTOP)
    try:
        stuck = run_in(frozen, replace(make_run(), reason="long" * 2_000_000))
        wait_for(lambda: frozen.running)
        assert run_in(other, make_run()).result(TIMEOUT).summary == "Tea"
    finally:
        os.kill(frozen.pid, signal.SIGKILL)
    assert isinstance(stuck.exception(TIMEOUT), HostGoneError)


@pytest.mark.parametrize("count", [2])
@pytest.mark.slow
def test_another_takes_its_place(processes: AgentProcesses) -> None:
    wait_for(lambda: len(processes.all()) == 2)
    first = {host.pid for host in processes.all()}
    killed = min(first)
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: len(processes.all()) == 2 and killed not in {host.pid for host in processes.all()})


def test_the_end_closes_all_connections(
    agent: Agent, processes: AgentProcesses, make_run: RunMaker, stub: ModelStub, books: Books
) -> None:
    stub.script = always(HANGS)
    run = make_run()
    running = agent(run)
    stub.wait_until(lambda stub: bool(stub.calls))
    stop(run)
    agent_loop().run(processes.stop())
    assert isinstance(running.exception(), CancelledRunError)
    stub.wait_until(lambda stub: stub.hung_up == 1)
    assert books.open == {}


@pytest.mark.parametrize(
    ("reason", "kind", "text"),
    [
        pytest.param("raise", FarError, "NotPortableError: this and that", marks=pytest.mark.slow),
        pytest.param(
            "return what cannot be read",
            FarError,
            "return a plain Outcome, .*: not here",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "return what cannot be sent",
            FarError,
            "return a plain Outcome, .*: .*lock",
            marks=pytest.mark.slow,
        ),
        ("return nothing", TypeError, "the agent returned a NoneType, not an Outcome"),
    ],
)
def test_what_an_agent_raises_is_raised_here(
    lasting_agent: Agent,
    lasting_processes: AgentProcesses,
    make_run: RunMaker,
    reason: str,
    kind: type[Exception],
    text: str,
) -> None:
    before = {host.pid for host in lasting_processes.all()}
    with pytest.raises(kind, match=text):
        lasting_agent(replace(make_run(), reason=reason)).result()
    assert {host.pid for host in lasting_processes.all()} == before


def test_without_a_process_it_runs_here(make_run: RunMaker, stub: ModelStub) -> None:
    stub.script = always(GOOD)
    outcome = agent_in(lambda: None)(make_run()).result()
    assert asked_in(outcome.thoughts) == os.getpid()


def test_a_model_of_this_machine_is_asked_from_here(make_run: RunMaker) -> None:
    def no_host() -> None:
        pytest.fail("it was to run here")

    with pytest.raises(AgentFailedError, match=r"nowhere\.gguf"):
        agent_in(no_host)(make_run(name="local:nowhere.gguf")).result()


def test_a_function_runs_here(make_run: RunMaker) -> None:
    class Blocking:
        def run(self, _snapshot: Snapshot, _run: Run) -> Outcome:
            return Outcome()

    agent = Blocking()
    assert (
        HostedAgent(agent, lambda: pytest.fail("it was to run here")).choose(
            "planner", make_snapshot(), make_run().settings
        )
        is agent
    )


@pytest.mark.parametrize("count", [2])
@pytest.mark.slow
def test_a_refusal_holds_for_all_processes(
    agent: Agent, make_run: RunMaker, stub: ModelStub, exchange: Exchange
) -> None:
    stub.script = in_turn(Answer("slow down", status=429, headers={"Retry-After": "4"}), GOOD)
    before = exchange.clock.now()
    assert agent(make_run()).result().summary == "Tea"
    assert exchange.clock.now() >= before + 4


@pytest.mark.parametrize("count", [2])
@pytest.mark.slow
def test_a_long_refusal_sends_runs_away_and_says_until_when(
    agent: Agent, make_run: RunMaker, stub: ModelStub, exchange: Exchange
) -> None:
    stub.script = always(Answer("slow down", status=429, headers={"Retry-After": "900"}))
    before = exchange.clock.now()
    for _ in range(2):
        with pytest.raises(AgentFailedError, match="provider unavailable; retry in") as failed:
            agent(make_run()).result()
        assert failed.value.passes
        assert (failed.value.not_before or 0) >= before + 900
    assert len(stub.calls) == 1
