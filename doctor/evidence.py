"""What the checks judge by. Whoever gathers it leaves out what it cannot know."""

import shlex
from enum import StrEnum

from recursor.actors.messages import OrchestratorLoad
from recursor.domain.execution import ExecutionStatus, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph
from recursor.domain.message import UserMessage
from recursor.domain.record import Record, StackId, Timestamp
from recursor.domain.settings import Settings
from recursor.domain.stack import ExecutionState, Stack
from recursor.domain.statistics import Rollup
from recursor.domain.todo import Todo
from recursor.domain.work import WorkReport


class Reach(StrEnum):
    """Whether there is a runner, and whether it answers."""

    UP = "up"
    SILENT = "silent"
    """It holds the data directory and does not answer."""
    CHANGING = "changing"
    """It holds the data directory and serves nothing: it is starting or ending."""
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Condition(Record):
    """What only the process that runs the stacks can tell of itself."""

    settings: Settings
    load: OrchestratorLoad | None = None
    silence: str | None = None
    """What came instead of the load."""
    keyed: tuple[str, ...] | None = None
    """The providers of models that it has a key for; None if it cannot tell."""


class RunnerEvidence(Record):
    """What is known of the process that runs the stacks."""

    reach: Reach = Reach.UNKNOWN
    pid: int | None = None
    started_at: Timestamp | None = None
    url: str | None = None
    silence: str | None = None
    """What came instead of an answer, or of its load."""
    unserved: str | None = None
    """Why it serves nothing, if it says so."""
    commanded: bool | None = None
    """Whether it takes commands; None if that was not tried."""
    refusal: str | None = None
    """Why it takes none."""
    load: OrchestratorLoad | None = None
    clock_step: float | None = None
    """Seconds by which the machine's time was set forward since the process began; negative for back."""


class LockEvidence(Record):
    """The lock on the data directory and the holder that it names."""

    path: str
    held: bool = False
    pid: int | None = None
    """The process that the file names."""
    host: str | None = None
    started_at: Timestamp | None = None
    here: bool = True
    """Whether the host that it names is this one."""
    alive: bool | None = None
    """Whether there is a process of that id on this host; None if that cannot be told."""
    holders: tuple[int, ...] = ()
    """The processes that have the file open, as far as this user may see them."""
    unserved: str | None = None
    """Why its holder serves nothing, if it says so."""
    control: str | None = None
    """Where its holder takes commands, if it says so."""
    problem: str | None = None
    """Why it could not be asked."""


class DiskEvidence(Record):
    """The file system that the data directory is on."""

    path: str
    free_bytes: int
    """What this user may still write."""
    total_bytes: int


class DirectoryEvidence(Record):
    """The data directory itself."""

    path: str
    exists: bool
    writable: bool
    """Whether this user may write there, or make it."""
    problem: str | None = None


class StoreEvidence(Record):
    """The store's files."""

    path: str
    exists: bool
    bytes: int = 0
    """What they take on the disk."""
    schema_version: int | None = None
    """Its schema version; None when it could not be opened."""
    latest: int = 0
    """The schema version that this program reads and writes."""
    problem: str | None = None
    """Why it cannot be read."""

    @property
    def readable(self) -> bool:
        """Whether there are records that this program understands."""
        return self.problem is None and self.schema_version == self.latest


class Evidence(Record):
    """Everything but the stacks. A part that is None could not be had from where it was gathered."""

    now: Timestamp
    data: str | None = None
    """How to name the data directory in a command; None where commands find it by themselves."""
    settings: Settings = Settings()
    """The runner's; a stack's own are applied over them."""
    runner: RunnerEvidence = RunnerEvidence()
    lock: LockEvidence | None = None
    directory: DirectoryEvidence | None = None
    disk: DiskEvidence | None = None
    store: StoreEvidence | None = None
    keyed: tuple[str, ...] | None = None
    """The providers of models that the runner has a key for; None if that cannot be told."""
    focus: StackId | None = None
    """The one stack that a person asked about; None for all."""
    trouble: str | None = None
    """What keeps that stack from going on, as its supervisor says, when its records can't show it."""

    def command(self, *words: str) -> str:
        """Return a `recursor` command on this data directory, quoted for a POSIX shell."""
        where = () if self.data is None else ("--data", self.data)
        return shlex.join(("recursor", *words, *where))

    def new_runner(self, *options: str) -> tuple[str, ...]:
        """Return the commands that end the runner, if there is one, and start another."""
        pid = self.runner.pid
        # The directory is free once the old one has let its agents finish.
        end = () if pid is None else (f"kill {pid} && tail --pid={pid} -f /dev/null",)
        return (*end, self.command("run", *options))


class ErrorCount(Record):
    """Runs of one role that failed, or have to wait, for the same reason."""

    role: str
    text: str
    """What the newest of them said."""
    count: int
    first_at: Timestamp
    """The oldest that was looked at."""
    last_at: Timestamp


class StackEvidence(Record):
    """One stack."""

    id: StackId
    stack: Stack | None
    """None when its record cannot be read."""
    unreadable: tuple[str, ...] = ()
    """What could not be read: table, key and why, one line each."""
    settings: Settings = Settings()
    """What holds for this stack."""
    settings_problem: str | None = None
    """Why its own settings cannot be used."""
    day: Rollup = Rollup()
    """The cycles that ended in the last 24 hours."""
    cycle: OrchestratorExecution | None = None
    """The one that is running, by the stack's record."""
    graph: ExecutionGraph | None = None
    recent: tuple[OrchestratorExecution, ...] = ()
    """The last few, by their ids, newest first."""
    errors: tuple[ErrorCount, ...] = ()
    """Why runs failed in the last 24 hours, most frequent first."""
    waits: tuple[ErrorCount, ...] = ()
    """Why runs had to wait in the last 24 hours, as for their provider, most frequent first."""
    roles: tuple[str, ...] = ()
    """Those that have run."""
    work: WorkReport | None = None
    """Who had work when it was last found out."""
    work_is_current: bool = False
    """Whether all that there is to do was there then."""
    has_idea: bool = False
    open_todos: int = 0
    started_todos: tuple[Todo, ...] = ()
    """Those in progress, oldest first."""
    unanswered: int = 0
    oldest_unanswered: UserMessage | None = None
    unread: int = 0
    """Messages from other stacks."""

    @property
    def running(self) -> bool:
        """Whether its agents may run."""
        return self.stack is not None and self.stack.state is ExecutionState.RUNNING

    @property
    def halted(self) -> bool:
        """Whether the orchestrator has paused it, and a person has to resume it."""
        stack = self.stack
        return stack is not None and stack.state is ExecutionState.PAUSED and stack.state_reason is not None

    @property
    def waits_now(self) -> bool:
        """Whether a role waits for what passes by itself."""
        return self.work is not None and bool(self.work.roles_that_wait())

    def completed_since(self, at: float) -> bool:
        """Return whether a cycle in which agents ran has completed after a time, and none has failed."""
        later = [each for each in self.recent if each.finished_at is not None and each.finished_at > at]
        return bool(later) and all(
            each.status is ExecutionStatus.COMPLETED
            and each.summary is not None
            and each.summary.agents_run > 0
            for each in later
        )

    @property
    def name(self) -> str:
        """What to call it."""
        return self.id if self.stack is None else self.stack.name
