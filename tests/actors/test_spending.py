"""What agents spend is counted, and a stack that would spend too much is paused before it does."""

import asyncio
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recursor.actors.ledger import LedgerMeter
from recursor.actors.messages import ConfigureStack, CreateStack, DeleteStack, LimitAll
from recursor.actors.orchestrator import Orchestrator
from recursor.domain.commands import Command
from recursor.domain.effect import Outcome
from recursor.domain.errors import InvalidInputError, NotFoundError
from recursor.domain.events import ContentsChanged, CycleFinished, NodeFinished, NodeProgress
from recursor.domain.graph import NodeStatus, Usage
from recursor.domain.new_records import new_stack
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.spending import (
    AgentFailedError,
    BudgetExceededError,
    BudgetName,
    PriceUnknownError,
    Spend,
)
from recursor.domain.stack import ExecutionState
from recursor.storage.budgets import read_account
from recursor.storage.queries import orchestration_stats, total_stats
from recursor.storage.tables import ACCOUNTS, ALL_STACKS, BROADCASTS
from tests.actors.stage import Cast, Gate, finish_todo, until


def spending(tokens, *, most=100):
    """An act that sets `most` aside, spends `tokens`, and finishes a todo."""

    async def act(snapshot, run):
        await run.meter.begin()
        reservation = await run.meter.reserve(Spend(tokens=most, dollars=Decimal("0.01")))
        await run.meter.settle(reservation, Spend(tokens=tokens))
        return finish_todo(snapshot, run)

    return act


def account(stage, stack_id, role="total"):
    with stage.store.read() as reader:
        return read_account(reader, stack_id, role)


def wait_paused(stage, stack_id):
    return wait_state(stage, stack_id, ExecutionState.PAUSED)


def wait_state(stage, stack_id, state):
    until(lambda: stage.stack(stack_id).state is state, f"the state {state}")
    return stage.stack(stack_id)


def test_what_agents_spend_is_on_the_books(set_stage):
    stage = set_stage(Cast(first=spending(40), second=spending(7)).roles())
    stack_id = stage.create("first: a", "second: b")
    stage.wait_rest(stack_id)
    assert account(stage, stack_id).spent.tokens == 47
    assert account(stage, stack_id, "first").calls == 1
    assert account(stage, ALL_STACKS).spent.tokens == 47


def test_a_budget_that_would_be_exceeded_pauses_the_stack_and_a_higher_one_goes_on(set_stage):
    cast = Cast(first=spending(60), third=finish_todo)
    stage = set_stage(cast.roles())
    stack_id = stage.create("first: a", "first: b", "third: c", start=False)
    stage.ask(ConfigureStack(stack_id, {"budget": {"tokens": 150}}))
    stage.tell(stack_id, Command.START)
    paused = wait_paused(stage, stack_id)
    assert paused.state_reason.startswith("first: budget.tokens: 60 of 150 tokens spent")
    assert paused.out_of_budget == BudgetName(kind="tokens", needed=Decimal(160))
    failed = stage.nodes(stack_id)["first"]
    assert (failed.status, "raise it with recursor budget" in failed.note) == (NodeStatus.FAILED, True)
    assert account(stage, stack_id).spent.tokens == 60
    runs = len(cast.runs())

    stage.clock.advance(10_000)
    assert len(cast.runs()) == runs
    stage.ask(ConfigureStack(stack_id, {"budget": {"tokens": 1000}}))
    assert stage.tell(stack_id, Command.RESUME).out_of_budget is None
    stage.wait_rest(stack_id)
    stage.clock.advance(60)
    stage.wait_rest(stack_id, 2)
    assert set(stage.todos(stack_id).values()) == {"completed"}
    assert account(stage, stack_id).spent.tokens == 120


UNKNOWN = {"name": "openai:my-own"}
DOLLARS = {"dollars": 5}


def test_a_budget_that_cannot_hold_is_refused_where_it_is_configured(set_stage):
    stage = set_stage(Cast().roles())
    stack_id = stage.create("first: a", start=False)
    stage.ask(ConfigureStack(stack_id, {"model": UNKNOWN}))
    with pytest.raises(
        InvalidInputError, match=r"^budget.dollars: cannot be enforced: the price of openai:my"
    ):
        stage.ask(ConfigureStack(stack_id, {"budget": DOLLARS, "pause": {"after_work": 2}}))
    assert stage.stack(stack_id).settings == {"model": UNKNOWN}
    stage.ask(ConfigureStack(stack_id, {"model": {"name": "openai:gpt-5-mini"}, "budget": DOLLARS}))

    made = new_stack("rich", 0, {"model": UNKNOWN, "budget": DOLLARS})
    with pytest.raises(InvalidInputError, match="cannot be enforced"):
        stage.ask(CreateStack(made))
    with pytest.raises(NotFoundError):
        stage.stack(made.id)


def test_what_all_may_spend_is_raised_while_they_run(set_stage):
    stage = set_stage(Cast(first=spending(60)).roles(), budget_tokens=150)
    stack_id = stage.create("first: a", "first: b")
    paused = wait_paused(stage, stack_id)
    assert paused.out_of_budget == BudgetName(kind="tokens", runner=True, needed=Decimal(160))
    # A resume forgives the failure of a cycle that has ended.
    stage.wait_for(CycleFinished, stack_id, count=2)
    found = stage.ask(LimitAll({"tokens": 1000}))
    assert stage.wait_for(ContentsChanged, BROADCASTS).what == "settings"
    assert (found.budget.tokens, found.spent.tokens) == (1000, 60)
    stage.tell(stack_id, Command.RESUME)
    stage.wait_rest(stack_id)
    assert account(stage, ALL_STACKS).spent.tokens == 120


def test_dollars_of_all_need_the_prices_of_what_all_ask_then_and_later(set_stage):
    stage = set_stage(Cast().roles())
    stack_id = stage.create("first: a", start=False)
    stage.ask(ConfigureStack(stack_id, {"model": UNKNOWN}))
    meter = LedgerMeter(stage.ref._actor_weakref()._environment.ledger, stack_id, "first")
    unpriced = Spend(tokens=1, unpriced_tokens=1)
    with pytest.raises(InvalidInputError, match=r"^stack .*: runner.budget_dollars: cannot be enforced"):
        stage.ask(LimitAll({"dollars": Decimal(5)}))
    asyncio.run(meter.settle(asyncio.run(meter.reserve(unpriced)), Spend()))
    stage.ask(ConfigureStack(stack_id, {"model": {"name": "openai:gpt-5-mini"}}))
    stage.ask(LimitAll({"dollars": Decimal(5)}))
    with pytest.raises(PriceUnknownError):
        asyncio.run(meter.reserve(unpriced))
    with pytest.raises(InvalidInputError, match=r"^runner.budget_dollars: cannot be enforced"):
        stage.ask(ConfigureStack(stack_id, {"model": UNKNOWN}))


def test_a_runner_does_not_start_with_a_model_that_what_all_may_spend_forbids(set_stage, database):
    stage = set_stage(store=database)
    stage.ask(LimitAll({"dollars": Decimal(5)}))
    stage.crash()
    with pytest.raises(InvalidInputError, match=r"cannot be enforced: the price of openai:my-own"):
        Orchestrator(database, Cast().roles(), Settings().overridden({"model": UNKNOWN}))


def test_a_budget_that_is_lowered_holds_for_the_next_call_of_a_run_under_way(set_stage):
    gate = Gate(lambda _snapshot, _run: None)

    async def two_calls(snapshot, run):
        await run.meter.settle(await run.meter.reserve(Spend(tokens=100)), Spend(tokens=10))
        await asyncio.to_thread(gate, snapshot, run)
        return await spending(60)(snapshot, run)

    stage = set_stage(Cast(first=two_calls).roles())
    stack_id = stage.create("first: a")
    gate.wait_entered()
    stage.ask(ConfigureStack(stack_id, {"budget": {"tokens": 50}}))
    gate.open()
    paused = wait_paused(stage, stack_id)
    assert paused.state_reason.startswith("first: budget.tokens: too small for the next call")
    assert account(stage, stack_id).spent.tokens == 10


def test_a_run_of_a_deleted_stack_spends_nothing_and_leaves_nothing_on_the_books(set_stage):
    gate = Gate(lambda _snapshot, _run: None)
    refused = []

    async def act(snapshot, run):
        # The run is cancelled, and does not heed it.
        waiting = asyncio.ensure_future(asyncio.to_thread(gate, snapshot, run))
        while not waiting.done():
            try:
                await asyncio.shield(waiting)
            except asyncio.CancelledError:
                continue
        try:
            return await spending(60)(snapshot, run)
        except AgentFailedError as error:
            refused.append(str(error))
            raise

    stage = set_stage(Cast(first=act).roles())
    stack_id = stage.create("first: a")
    gate.wait_entered()
    stage.ask(DeleteStack(stack_id))
    gate.open()
    until(lambda: refused == ["its stack was deleted"], "the refusal")
    with stage.store.read() as reader:
        assert list(ACCOUNTS.scan(reader, stack_id)) == []
    assert account(stage, ALL_STACKS).runs == ()


def test_an_orchestrator_does_not_start_with_a_budget_that_cannot_hold(database):
    with pytest.raises(InvalidInputError, match=r"^runner.budget_dollars: cannot be enforced"):
        Orchestrator.start(
            store=database,
            roles=Cast().roles(),
            settings=Settings().overridden({"model": UNKNOWN}),
            runner=RunnerSettings(budget_dollars=5),
        )


def test_one_stack_without_money_stops_no_other(set_stage):
    stage = set_stage(Cast(first=spending(60)).roles())
    poor = stage.create("first: a", start=False)
    stage.ask(ConfigureStack(poor, {"budget": {"tokens": 0}}))
    stage.tell(poor, Command.START)
    wait_paused(stage, poor)
    rich = stage.create("first: b", name="rich")
    stage.wait_rest(rich)
    assert set(stage.todos(rich).values()) == {"completed"}


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (AgentFailedError("no answer", Usage(model="m", input_tokens=5)), ExecutionState.RUNNING),
        (AgentFailedError("no key", Usage(model="m", input_tokens=5), suspend=True), ExecutionState.PAUSED),
        (BudgetExceededError("enough"), ExecutionState.PAUSED),
    ],
)
def test_an_agent_that_gives_up_tells_what_it_spent(set_stage, error, state):
    def give_up(_snapshot, _run):
        raise error

    stage = set_stage(Cast(first=give_up).roles())
    stack_id = stage.create("first: a")
    stage.wait_for(NodeFinished, stack_id)
    stack = wait_state(stage, stack_id, state)
    node = stage.nodes(stack_id)["first"]
    assert node.note == str(error)
    assert node.usage == getattr(error, "usage", None)
    if state is ExecutionState.PAUSED:
        assert stack.state_reason == f"first: {error}"


def test_the_other_agents_of_the_wave_are_committed_with_the_pause_and_no_later_one_runs(set_stage):
    def give_up(_snapshot, _run):
        raise BudgetExceededError("enough")

    cast = Cast(second=give_up)
    stage = set_stage(cast.roles())
    stack_id = stage.create("second: b", "third: c", "last: d")
    wait_paused(stage, stack_id)
    assert stage.todos(stack_id) == {"second: b": "pending", "third: c": "completed", "last: d": "pending"}
    assert sorted(cast.runs()) == ["second", "third"]


def test_unfinished_answers_are_told(set_stage):
    def talk(snapshot, run):
        run.say("once upon")
        run.say("x" * 10_000 + " a time")
        return finish_todo(snapshot, run)

    stage = set_stage(Cast(first=talk).roles())
    stack_id = stage.create("first: a")
    stage.wait_rest(stack_id)
    told = [event.text for event in stage.events(NodeProgress, stack_id)]
    assert told[0] == "once upon"
    assert told[1].endswith("x a time")
    assert len(told[1]) == 2000


def test_an_outcome_with_nothing_leaves_the_books_alone(set_stage):
    stage = set_stage(Cast(first=lambda _snapshot, _run: Outcome()).roles())
    stack_id = stage.create("first: a")
    stage.wait_for(NodeFinished, stack_id)
    assert account(stage, stack_id).calls == 0


MODELS = ("openai:gpt-5-mini", "openai:my-own")
calls = st.tuples(
    st.sampled_from(MODELS),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 10**9),
    st.booleans(),
)


def calling(plan):
    """An act that makes the call planned for its stack and role, tells what it used, and may fail."""

    async def act(snapshot, run):
        model, taken, given, millionths, fails = plan[snapshot.stack.name, run.role]
        # The price of one of the models is known.
        cost = Decimal(millionths) / 10**6 if model == MODELS[0] else None
        usage = Usage(model=model, input_tokens=taken, output_tokens=given, cost=cost)
        await run.meter.begin()
        reservation = await run.meter.reserve(Spend(tokens=10**7, dollars=Decimal(10**4)))
        await run.meter.settle(reservation, spend_of_run(usage))
        if fails:
            raise AgentFailedError("no answer", usage)
        return finish_todo(snapshot, run).but(usage=usage)

    return act


def added(spends):
    total = Spend()
    for spend in spends:
        total = total.plus(spend)
    return total


def spend_of_run(usage):
    """What a node says it used, as the books say it."""
    if usage.cost is None:
        return Spend(tokens=usage.tokens, unpriced_tokens=usage.tokens)
    return Spend(tokens=usage.tokens, dollars=usage.cost)


def spend_of(use):
    """What a sum of statistics comes to, as the books say it."""
    tokens = use.input_tokens + use.output_tokens
    return Spend(tokens=tokens, dollars=use.cost, unpriced_tokens=use.unpriced_tokens)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    plan=st.dictionaries(
        st.tuples(st.sampled_from(["ant", "bee", "cat"]), st.sampled_from(["first", "second", "third"])),
        calls,
        min_size=1,
    )
)
def test_the_books_the_statistics_and_the_nodes_agree(set_stage, plan):
    acts = dict.fromkeys(("first", "second", "third"), calling(plan))
    stage = set_stage(Cast(**acts).roles())
    stacks = {}
    for name in sorted({name for name, _ in plan}):
        todos = [f"{role}: work" for owner, role in plan if owner == name]
        # However much they spend.
        stacks[name] = stage.create(*todos, name=name, settings={"loop": {"tokens": 0}})
    for stack_id in stacks.values():
        stage.wait_rest(stack_id)
    nodes = {}
    for stack_id in stacks.values():
        cycles = range(len(stage.cycles(stack_id)))
        ran = [node for cycle in cycles for node in stage.nodes(stack_id, cycle).values() if node.usage]
        nodes[stack_id] = [(node.role, spend_of_run(node.usage)) for node in ran]
        whole = added(spend for _, spend in nodes[stack_id])
        assert account(stage, stack_id).spent == whole
        assert added(spend_of(cycle.summary) for cycle in stage.cycles(stack_id)) == whole
        with stage.store.read() as reader:
            stats = orchestration_stats(reader, stack_id, 0, 4e9)
        assert spend_of(stats) == added(map(spend_of, stats.models.values())) == whole
        assert {role: spend_of(use) for role, use in stats.roles.items()} == {
            role: added(spend for each, spend in nodes[stack_id] if each == role)
            for role, _ in nodes[stack_id]
        }
        for role in stats.roles:
            assert account(stage, stack_id, role).spent == spend_of(stats.roles[role])
    everything = added(spend for found in nodes.values() for _, spend in found)
    assert account(stage, ALL_STACKS).spent == everything
    with stage.store.read() as reader:
        total = total_stats(reader, 0, 4e9)
    assert spend_of(total) == everything
    assert (total.total_cost, total.total_tokens) == (everything.dollars, everything.tokens)
