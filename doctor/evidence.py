"""The evidence for checks. Its collector leaves out unknown facts."""

import shlex
from enum import StrEnum

from recursor.actors.messages import OrchestratorLoad
from recursor.domain.approval import Approval
from recursor.domain.execution import ExecutionStatus, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph
from recursor.domain.message import UserMessage
from recursor.domain.record import Record, StackId, Timestamp
from recursor.domain.settings import Settings
from recursor.domain.stack import ExecutionState, Stack
from recursor.domain.statistics import Rollup
from recursor.domain.todo import Todo
from recursor.domain.work import WorkReport
from recursor.domain.workspace import Workspace


class Reach(StrEnum):
    """Whether a runner is up, and whether it answers."""

    UP = "up"
    SILENT = "silent"
    """It holds the data directory but does not answer."""
    CHANGING = "changing"
    """It holds the data directory but serves nothing: it is starting or ending."""
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Condition(Record):
    """Facts that only the process that runs the stacks knows."""

    settings: Settings
    load: OrchestratorLoad | None = None
    silence: str | None = None
    """The error in place of the load."""
    keyed: tuple[str, ...] | None = None
    """The providers for which it has a key; None if unknown."""


class RunnerEvidence(Record):
    """Facts about the process that runs the stacks."""

    reach: Reach = Reach.UNKNOWN
    pid: int | None = None
    started_at: Timestamp | None = None
    url: str | None = None
    silence: str | None = None
    """The error in place of an answer or of its load."""
    unserved: str | None = None
    """Why it serves nothing, if it reports that."""
    commanded: bool | None = None
    """Whether it accepts commands; None if not tried."""
    refusal: str | None = None
    """Why it accepts none."""
    load: OrchestratorLoad | None = None
    clock_step: float | None = None
    """Seconds by which the machine's time was set forward since the process began; negative for back."""


class LockEvidence(Record):
    """The lock on the data directory, and the holder that it names."""

    path: str
    held: bool = False
    pid: int | None = None
    """The process named in the file."""
    host: str | None = None
    started_at: Timestamp | None = None
    here: bool = True
    """Whether the named host is this one."""
    alive: bool | None = None
    """Whether a process with this id exists on this host; None if unknown."""
    holders: tuple[int, ...] = ()
    """The processes that have the file open, as far as this user can see."""
    unserved: str | None = None
    """Why its holder serves nothing, if it reports that."""
    control: str | None = None
    """Where its holder accepts commands, if it reports that."""
    problem: str | None = None
    """Why the lock could not be read."""


class DiskEvidence(Record):
    """The file system of the data directory."""

    path: str
    free_bytes: int
    """The space that this user may still use."""
    total_bytes: int


class DirectoryEvidence(Record):
    """The data directory itself."""

    path: str
    exists: bool
    writable: bool
    """Whether this user may write there, or create it."""
    problem: str | None = None


class StoreEvidence(Record):
    """The store's files."""

    path: str
    exists: bool
    bytes: int = 0
    """Their size on disk."""
    schema_version: int | None = None
    """Its schema version; None if it could not be opened."""
    latest: int = 0
    """The schema version that this program reads and writes."""
    problem: str | None = None
    """Why it cannot be read."""

    @property
    def readable(self) -> bool:
        """Whether it has records that this program understands."""
        return self.problem is None and self.schema_version == self.latest


class Evidence(Record):
    """Everything except the stacks. A part is None if it could not be determined from here."""

    now: Timestamp
    data: str | None = None
    """The data directory's name for commands; None if they find it by themselves."""
    settings: Settings = Settings()
    """The runner's settings; a stack's own override them."""
    runner: RunnerEvidence = RunnerEvidence()
    lock: LockEvidence | None = None
    directory: DirectoryEvidence | None = None
    disk: DiskEvidence | None = None
    store: StoreEvidence | None = None
    keyed: tuple[str, ...] | None = None
    """The providers for which the runner has a key; None if unknown."""
    sandbox_problem: str | None = None
    """Why programs cannot be confined on this machine; None if they can, or if no stack has a repository."""
    has_git: bool | None = None
    """Whether git is installed; None if unknown."""
    focus: StackId | None = None
    """The single named stack; None for all."""
    trouble: str | None = None
    """Its supervisor's report of what keeps that stack from continuing, if its records don't show it."""

    def command(self, *words: str) -> str:
        """Return a `recursor` command on this data directory, quoted for a POSIX shell."""
        where = () if self.data is None else ("--data", self.data)
        return shlex.join(("recursor", *words, *where))

    def new_runner(self, *options: str) -> tuple[str, ...]:
        """Return the commands that end the runner, if there is one, and start another."""
        pid = self.runner.pid
        # The directory is free once the old runner has let its agents finish.
        end = () if pid is None else (f"kill {pid} && tail --pid={pid} -f /dev/null",)
        return (*end, self.command("run", *options))


class ErrorCount(Record):
    """Runs of one role that failed, or had to wait, for the same reason."""

    role: str
    text: str
    """The error of the newest one."""
    count: int
    first_at: Timestamp
    """The oldest that was looked at."""
    last_at: Timestamp


class RepositoryEvidence(Record):
    """A stack's git repository on disk."""

    path: str
    exists: bool
    problem: str | None = None
    """Why it cannot be used."""
    disk_bytes: int | None = None
    """The disk space of it and of the directories of runs; None if it was not measured."""


class FailingCheck(Record):
    """A check that failed for the latest proposals, and passed for none of them."""

    command: str
    count: int
    """For how many."""
    output: str
    """The end of its newest output."""


class StackEvidence(Record):
    """One stack."""

    id: StackId
    stack: Stack | None
    """None if its record is unreadable."""
    unreadable: tuple[str, ...] = ()
    """Unreadable records: table, key and reason, one line each."""
    settings: Settings = Settings()
    """The effective settings of this stack."""
    settings_problem: str | None = None
    """Why its own settings are invalid."""
    day: Rollup = Rollup()
    """The cycles that ended in the last 24 hours."""
    cycle: OrchestratorExecution | None = None
    """The running cycle, according to the stack's record."""
    graph: ExecutionGraph | None = None
    recent: tuple[OrchestratorExecution, ...] = ()
    """The last few cycles by their ids, newest first."""
    errors: tuple[ErrorCount, ...] = ()
    """Why runs failed in the last 24 hours, most frequent first."""
    waits: tuple[ErrorCount, ...] = ()
    """Why runs had to wait in the last 24 hours, such as for their provider, most frequent first."""
    roles: tuple[str, ...] = ()
    """The roles that have run."""
    work: WorkReport | None = None
    """The last recorded work status."""
    work_is_current: bool = False
    """Whether all pending work existed at that time."""
    has_idea: bool = False
    open_todos: int = 0
    started_todos: tuple[Todo, ...] = ()
    """Todos in progress, oldest first."""
    stuck_todos: tuple[Todo, ...] = ()
    """Open todos that have failed so often that they need a person."""
    workspace: Workspace | None = None
    """The repository, if it works on one."""
    repository: RepositoryEvidence | None = None
    """What is on disk of it; None if unknown."""
    failing_checks: tuple[FailingCheck, ...] = ()
    unanswered: int = 0
    oldest_unanswered: UserMessage | None = None
    unread: int = 0
    """Messages from other stacks."""
    pending: tuple[Approval, ...] = ()
    """Requests for approval that wait for an answer, oldest first."""
    expired: tuple[Approval, ...] = ()
    """Requests for approval that nobody answered in time, in the last 24 hours, oldest first."""

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
        """Its name, or its id."""
        return self.id if self.stack is None else self.stack.name
