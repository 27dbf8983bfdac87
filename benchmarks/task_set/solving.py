"""A team of builders and an integrator that does the todos of a repository, and the judgement of its work."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

from pykka import ActorRef

from benchmarks.idle_team import disk_store, orchestrator
from benchmarks.task_set.task_repository import CHECK, TaskRepository
from recursor.actors.messages import AddTodo, ControlStack, CreateStack
from recursor.actors.orchestrator import Orchestrator
from recursor.agents.team import standard_agents
from recursor.domain.commands import Command
from recursor.domain.graph import NodeStatus
from recursor.domain.new_records import new_stack, new_todo, new_workspace
from recursor.domain.settings import Overrides, RunnerSettings, Settings
from recursor.domain.stack import ExecutionState, StackKind
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.workspace import ProposalStatus
from recursor.orchestration.detectors import detect_builder
from recursor.orchestration.roles import Role, RoleRegistry
from recursor.orchestration.workspace_detectors import detect_integrator, needs_person
from recursor.storage.queries import orchestration_stats
from recursor.storage.stacks import read_stack
from recursor.storage.store import Store
from recursor.storage.tables import GRAPHS, PROPOSALS, TODOS, WORKSPACES
from recursor.workspaces.sandbox import ProgramResult, Sandbox, SandboxLimits
from recursor.workspaces.upkeep import Upkeep

# Seconds between looks at the team's records.
LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Solved:
    """What came of one repository."""

    succeeded: bool
    """Whether all todos are done, and all tests of the set pass on the tip."""
    problem: str
    """Why not; empty if it succeeded."""
    seconds: float
    """From the start, with the clone, until the last commit was merged."""
    merged: int
    """Commits that became part of the tip."""
    refused: int
    """Commits that were returned to their todos."""
    repeated: int
    """Commits for a todo that had one before."""
    runs: int
    """Runs of agents: of builders and the integrator."""
    cycles: int
    check_seconds: tuple[float, ...]
    """Times of the checks of merges."""
    own_seconds: float
    """Processor time of this process, without the sandbox and what runs in it."""
    tokens: int
    cost: Decimal
    """US dollars, as far as prices are known."""


class TaskTeam:
    """An orchestrator as the runner's, whose teams do todos that are planned already."""

    def __init__(self, ref: ActorRef[Orchestrator], store: Store, upkeep: Upkeep, folder: Path) -> None:
        """Use an orchestrator on `store`; `folder` is for the repositories that are cloned."""
        self._ref = ref
        self._store = store
        self._upkeep = upkeep
        self._folder = folder

    def solve(self, tasks: TaskRepository, builders: int, settings: Overrides, patience: float) -> Solved:
        """Have the todos of a repository done, and judge the result.

        Args:
            tasks: the repository.
            builders: how many todos are worked on at once.
            settings: the model, and what it may cost.
            patience: seconds after which the team is stopped.
        """
        origin = Path(tempfile.mkdtemp(prefix=f"{tasks.name}-", dir=self._folder))
        _make_origin(tasks, origin)
        now = time.time()
        own: Overrides = {**settings, "workspace": {"builders": builders, "checks": [CHECK]}}
        stack = new_stack(origin.name, now, own, StackKind.WORKSPACE)
        self._ref.ask(CreateStack(stack, workspace=new_workspace(stack, str(origin), now)))
        ids: dict[str, str] = {}
        for planned in tasks.todos:
            todo = new_todo(stack.id, planned.text, planned.priority, time.time())
            needs = tuple(ids[name] for name in planned.needs)
            self._ref.ask(AddTodo(todo.but(needs=needs, paths=planned.paths)))
            ids[planned.name] = todo.id
        begun, used = time.time(), _processor_seconds()
        self._ref.ask(ControlStack(stack.id, Command.START))
        problem = self._until_over(stack.id, begun + patience)
        used = _processor_seconds() - used
        if problem:
            self._ref.ask(ControlStack(stack.id, Command.STOP))
        with self._store.read() as reader:
            proposals = list(PROPOSALS.scan(reader, stack.id))
            todos = list(TODOS.scan(reader, stack.id))
            nodes = [node for graph in GRAPHS.scan(reader, stack.id) for node in graph.nodes]
            stats = orchestration_stats(reader, stack.id, begun, time.time())
            workspace = WORKSPACES.get(reader, stack.id)
        tip = None if workspace is None else workspace.tip
        problem = problem or ("no tip" if tip is None else self._judged(tasks, stack.id, tip))
        ended = max((todo.closed_at for todo in todos if todo.closed_at is not None), default=time.time())
        return Solved(
            succeeded=not problem,
            problem=problem,
            seconds=ended - begun,
            merged=sum(each.status is ProposalStatus.MERGED for each in proposals),
            refused=sum(each.status is ProposalStatus.RETURNED for each in proposals),
            repeated=len(proposals) - len({each.todo_id for each in proposals}),
            runs=sum(node.status in (NodeStatus.COMPLETED, NodeStatus.FAILED) for node in nodes),
            cycles=stats.total_cycles,
            check_seconds=tuple(check.seconds for each in proposals for check in each.checks),
            own_seconds=used,
            tokens=sum(use.input_tokens + use.output_tokens for use in stats.models.values()),
            cost=sum([use.cost for use in stats.models.values()], Decimal(0)),
        )

    def _until_over(self, stack_id: str, deadline: float) -> str:
        """Wait until all todos are done; return why they are not, if they will not be."""
        while True:
            with self._store.read() as reader:
                stack, todos = read_stack(reader, stack_id), list(TODOS.scan(reader, stack_id))
            if all(todo.status is TodoStatus.COMPLETED for todo in todos):
                return ""
            if problem := _obstacle(todos, Settings().overridden(stack.settings)):
                return problem
            if stack.state is not ExecutionState.RUNNING:
                return f"{stack.state}: {stack.state_reason}"
            if time.time() > deadline:
                return "it took too long"
            time.sleep(LOOK_SECONDS)

    def _judged(self, tasks: TaskRepository, stack_id: str, tip: str) -> str:
        """Return which check the tip fails with the tests as they were written; empty if none."""
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            tree = Path(folder, "tree")
            self._upkeep.workspaces.open(stack_id).check_out(tip, tree)
            left = [todo.name for todo in tasks.todos if not (tree / todo.test).is_file()]
            if left:
                return f"tests that are not in their place: {', '.join(left)}"
            for todo in tasks.todos:
                shutil.copy(tasks.files / todo.pending_test, tree / todo.test)
            ended = run_check(tree)
        return "" if ended.succeeded else f"the check fails on the tip: {ended.output[-1_000:]}"


def team() -> RoleRegistry:
    """Return the standard roles of builder and integrator: there is nothing to plan and nobody to talk to."""
    agents = standard_agents()
    return RoleRegistry(
        [
            Role("builder", detect_builder, agents["builder"]),
            Role(
                "integrator", detect_integrator, agents["integrator"], kinds=frozenset([StackKind.WORKSPACE])
            ),
        ]
    )


@contextmanager
def task_team(builders: int) -> Iterator[TaskTeam]:
    """Start an orchestrator for teams of so many builders, on this disk; remove everything afterwards."""
    with disk_store() as (store, _), tempfile.TemporaryDirectory(dir=".") as folder:
        folder_path = Path(folder).resolve()
        upkeep = Upkeep(folder_path / "workspaces")
        try:
            # One more than builders, for the integrator.
            runner = RunnerSettings(agents=max(RunnerSettings().agents, builders + 1))
            with orchestrator(store, team(), Settings(), runner, upkeep) as ref:
                yield TaskTeam(ref, store, upkeep, folder_path)
        finally:
            upkeep.close()


def run_check(tree: Path) -> ProgramResult:
    """Run the set's check in a directory, in the sandbox."""
    return Sandbox("bwrap").run_blocking(CHECK, tree, limits=SandboxLimits())


def check_seconds(tasks: TaskRepository, times: int = 3) -> float:
    """Return the shortest time of the check of a repository, with nothing else running here."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        tree = Path(folder, "tree").resolve()
        shutil.copytree(tasks.files, tree)
        return min(run_check(tree).seconds for _ in range(times))


def _make_origin(tasks: TaskRepository, origin: Path) -> None:
    """Make the repository that a team clones."""
    shutil.copytree(tasks.files, origin, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    wanted = {Path(todo.pending_test).name for todo in tasks.todos}
    for test in (origin / "pending").iterdir():
        if test.name not in wanted:
            test.unlink()
    (origin / ".gitignore").write_text("__pycache__/\n")
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    for command in (("init", "-q", "-b", "main"), ("add", "."), (*who, "commit", "-qm", "Begin")):
        subprocess.run(["git", *command], cwd=origin, check=True)


def _obstacle(todos: Sequence[Todo], settings: Settings) -> str:
    """Return why one of the todos will not be done; empty if all may be."""
    for todo in todos:
        if todo.status is TodoStatus.CANCELLED or needs_person(todo, settings):
            return f"“{todo.content[:80]}” is not done: {(todo.problem or 'cancelled')[:1_000]}"
    return ""


def _processor_seconds() -> float:
    """Return the processor time of this process, without the programs that it started."""
    used = getrusage(RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
