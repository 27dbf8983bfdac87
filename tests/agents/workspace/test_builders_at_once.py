"""Eight builders on one repository, who conflict on purpose: the result equals the merges, one by one."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pygit2
import pytest

from recursor.actors.messages import AddTodo, ControlStack, CreateStack, Subscribe
from recursor.actors.orchestrator import Orchestrator
from recursor.agents.team import standard_agents
from recursor.agents.workspace.working_tree import working_tree
from recursor.domain.agent import Run
from recursor.domain.commands import Command
from recursor.domain.effect import Outcome
from recursor.domain.new_records import new_idea, new_stack, new_todo, new_workspace
from recursor.domain.settings import RunnerSettings
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import StackKind
from recursor.domain.todo import Todo
from recursor.domain.workspace import CommitProposal, ProposalStatus, Workspace
from recursor.runner.team import standard_team
from recursor.storage.memory_store import MemoryStore
from recursor.storage.opening import memory_store
from recursor.storage.tables import PROPOSALS, TODOS, WORKSPACES
from recursor.workspaces.upkeep import Upkeep
from tests.actors.stage import WAIT, Audience, Player

BUILDERS, TODOS_TO_DO = 8, 20
CHECK = "sort -c words && test $(sort -u words | wc -l) = $(wc -l < words) && cat part-*"


def word_of(todo: Todo) -> str:
    return todo.content.split()[-1]


class Builder:
    """Inserts a word into one sorted file that all share, and writes a file of its own.

    Its first attempt at every fourth word puts it in the wrong place, which merges and fails the check.
    """

    def __init__(self) -> None:
        self.at_work: set[str] = set()
        self.most_at_work = 0

    async def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        todo = next(todo for todo in snapshot.open_todos if todo.id == run.todo_id)
        assert todo.id not in self.at_work, "one todo in two runs at once"
        self.at_work.add(todo.id)
        self.most_at_work = max(self.most_at_work, len(self.at_work))
        try:
            assert snapshot.workspace is not None
            assert snapshot.workspace.tip is not None
            async with working_tree(snapshot, run, snapshot.workspace.tip) as tree:
                words, word = tree.directory / "words", word_of(todo)
                lines = words.read_text().split() if words.exists() else []
                wrong = not todo.attempts and int(word[1:]) % 4 == 0
                words.write_text("\n".join([*lines, word, "!"] if wrong else sorted([*lines, word])) + "\n")
                (tree.directory / f"part-{word}").write_text(word)
                proposal = await tree.propose(todo, f"Add {word}", "Because it is missing.")
                # The others read the same tip.
                await asyncio.sleep(0)
        finally:
            self.at_work.remove(todo.id)
        assert proposal is not None
        return Outcome(effects=(proposal,), summary=f"{word}")


def nothing(_snapshot: Snapshot, _run: Run) -> Outcome:
    return Outcome()


class Work:
    """What is on record and on disk at the end."""

    def __init__(self, store: MemoryStore, stack_id: str, git: pygit2.Repository, builder: Builder) -> None:
        with store.read() as reader:
            self.todos = list(TODOS.scan(reader, stack_id))
            self.proposals: list[CommitProposal] = list(PROPOSALS.scan(reader, stack_id))
            workspace = WORKSPACES.get(reader, stack_id)
        assert workspace is not None
        self.workspace: Workspace = workspace
        self.git, self.builder = git, builder
        self.tips: list[str] = []
        at = git[workspace.tip]
        while at is not None:
            self.tips.append(str(at.id))
            at = at.parents[0] if at.parents else None
        self.tips.reverse()

    def merged(self) -> list[CommitProposal]:
        """Return the merged proposals in the order of their merges."""
        found = [each for each in self.proposals if each.status is ProposalStatus.MERGED]
        return sorted(found, key=lambda each: self.tips.index(each.merged_as or ""))

    def files(self, commit: str) -> dict[str, str]:
        return {entry.name: entry.data.decode() for entry in self.git[commit].tree}  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Have all todos done, by eight builders and the integrator of the standard team."""
    root: Path = tmp_path_factory.mktemp("builders")
    store, upkeep, builder = memory_store(), Upkeep(root), Builder()
    still = Player(nothing)
    agents = {"planner": still, "communicator": still, "reviewer": still, "builder": builder}
    roles = standard_team({**agents, "integrator": standard_agents()["integrator"]})
    audience_ref = Audience.start()
    audience = audience_ref._actor_weakref()
    engine = Orchestrator.start(store, roles, None, RunnerSettings(agents=BUILDERS + 2), upkeep=upkeep)
    try:
        engine.ask(Subscribe(audience_ref), timeout=WAIT)
        now = time.time()
        own = {
            "workspace": {"builders": BUILDERS, "checks": [CHECK], "attempts": 100},
            "pause": {"after_work": 0.0},
            "loop": {"runs": 10_000},
        }
        stack = new_stack("words", now, own, StackKind.WORKSPACE)
        idea = new_idea(stack.id, "Words in order", now)
        engine.ask(CreateStack(stack, idea, False, new_workspace(stack, None, now)), timeout=WAIT)
        for number in range(TODOS_TO_DO):
            engine.ask(
                AddTodo(new_todo(stack.id, f"add the word w{number * 7 % 20:02}", 3, now)), timeout=WAIT
            )
        engine.ask(ControlStack(stack.id, Command.START), timeout=WAIT)
        for _ in range(WAIT * 10):
            with audience.arrived:
                audience.arrived.wait(0.1)
            with store.read() as reader:
                if not any(todo.status.open for todo in TODOS.scan(reader, stack.id)):
                    break
    finally:
        engine.stop(timeout=WAIT)
        audience_ref.stop(timeout=WAIT)
        upkeep.close()
    found = Work(store, stack.id, pygit2.Repository(str(root / stack.id / "repository.git")), builder)
    store.close()
    assert not list((root / stack.id / "runs").glob("*")), "a run directory is left"
    return found


def test_every_todo_is_merged_once(work: Work) -> None:
    assert {str(todo.status) for todo in work.todos} == {"completed"}
    assert sorted(each.todo_id for each in work.merged()) == sorted(todo.id for todo in work.todos)
    assert work.workspace.number == TODOS_TO_DO


def test_builders_worked_at_once_and_conflicted(work: Work) -> None:
    returned = [each for each in work.proposals if each.status is ProposalStatus.RETURNED]

    assert 1 < work.builder.most_at_work <= BUILDERS
    notes = " ".join(each.note or "" for each in returned)
    assert "conflicts with what was merged meanwhile" in notes
    assert "failed with exit status" in notes


def test_each_tip_passed_the_checks_that_are_on_record(work: Work) -> None:
    for proposal in work.merged():
        (check,) = proposal.checks
        assert check.passed
        assert check.commit == proposal.merged_as
    for tip in work.tips[1:]:
        words = work.files(tip)["words"].split()
        assert words == sorted(set(words))


def test_the_tips_are_the_merges_one_after_the_other(work: Work) -> None:
    assert work.tips[-1] == work.workspace.tip
    assert work.tips[1:] == [each.merged_as for each in work.merged()]
    for proposal in work.merged():
        tip = work.git[proposal.merged_as]
        assert isinstance(tip, pygit2.Commit)
        assert len(tip.parents) == 1, "not in line"
        assert f"Recursor-Todo: {proposal.todo_id}" in tip.message


def test_the_result_equals_the_todos_done_in_the_order_of_the_merges(work: Work) -> None:
    by_id = {todo.id: todo for todo in work.todos}
    done: list[str] = []
    for proposal, tip in zip(work.merged(), work.tips[1:], strict=True):
        done.append(word_of(by_id[proposal.todo_id]))
        expected = {f"part-{word}": word for word in done}
        assert work.files(tip) == expected | {"words": "\n".join(sorted(done)) + "\n"}
