"""Examines a data directory from outside, in whatever state it, its store and its runner are."""

import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from recursor.actors.messages import GetLoad, OrchestratorLoad
from recursor.agents.model.model_checks import keyed_providers
from recursor.doctor.clocks import clock_step
from recursor.doctor.diagnosis import diagnose
from recursor.doctor.evidence import Condition, LockEvidence, Reach, RunnerEvidence, StoreEvidence
from recursor.doctor.examination import examine_stacks, look_around
from recursor.doctor.report import Report
from recursor.domain.errors import RecursorError
from recursor.domain.settings import Settings
from recursor.runner.access import Access, token_of_environment
from recursor.runner.control_client import ControlClient
from recursor.runner.errors import RunnerSilentError
from recursor.runner.places import store_directory
from recursor.storage.errors import StorageCorruptError, StorageError
from recursor.storage.lmdb_store import LmdbStore
from recursor.storage.memory_store import MemoryStore
from recursor.storage.migration import AnyVersion, Migrations, schema_version
from recursor.storage.opening import MIGRATIONS
from recursor.storage.store import Store
from recursor.storage.tables import TABLES


def examine(
    data: Path,
    named: str | None = None,
    *,
    in_commands: str | None = None,
    settings: Settings | None = None,
    migrations: Migrations = MIGRATIONS,
    now: Callable[[], float] = time.time,
    token: Callable[[], str | None] = token_of_environment,
) -> Report:
    """Return what is wrong with a data directory and its stacks, or one of them. Nothing is changed or made.

    Args:
        data: the data directory.
        named: a stack's id, the first digits of it, or its name; None for all.
        in_commands: how commands name the data directory; None where they need not.
        settings: what a runner here would have, for when none answers with its own.
        migrations: the schema versions that this program knows.
        now: tells the time in seconds since the epoch, UTC.
        token: tells the secret that the runner may want.

    Raises:
        NotFoundError, AmbiguousError: `named` is no stack, or several.
    """
    around = look_around(data, settings or Settings(), now())
    lock, store = around.lock, around.store
    assert lock is not None
    assert store is not None
    runner, told = _look_at_runner(data, lock, token)
    evidence = around.but(
        data=in_commands,
        runner=runner,
        settings=around.settings if told is None else told.settings,
        keyed=_keyed(runner, told),
    )
    if store.problem is not None:
        return diagnose(evidence, ())
    try:
        with closing(_open(data, store)) as opened:
            found = store.but(schema_version=_version(opened), latest=migrations.latest)
            evidence = evidence.but(store=found)
            if store.exists and not found.readable:
                return diagnose(evidence, ())
            return examine_stacks(opened.read, evidence, named, partial(_trouble, data, runner, token=token))
    except StorageError as error:
        return diagnose(evidence.but(store=store.but(problem=str(error))), ())


def _keyed(runner: RunnerEvidence, told: Condition | None) -> tuple[str, ...] | None:
    """Return the providers that the runner has a key for, or one started here would have."""
    if told is not None:
        return told.keyed
    return tuple(sorted(keyed_providers())) if runner.reach is Reach.ABSENT else None


def _open(data: Path, store: StoreEvidence) -> Store:
    if not store.exists:
        return MemoryStore(TABLES)
    return LmdbStore(store_directory(data), TABLES, read_only=True, migrations=AnyVersion())


def _version(store: Store) -> int:
    with store.read() as reader:
        try:
            return schema_version(reader)
        except ValueError as error:
            raise StorageCorruptError(f"its schema version is no number: {error}: restore a backup") from None


def _look_at_runner(
    data: Path, lock: LockEvidence, token: Callable[[], str | None]
) -> tuple[RunnerEvidence, Condition | None]:
    """Ask the runner, if there is one, what only it knows."""
    if lock.problem is not None or not lock.here:
        return RunnerEvidence(), None
    if not lock.held or lock.alive is False:
        return RunnerEvidence(reach=Reach.ABSENT), None
    assert lock.pid is not None
    assert lock.started_at is not None
    found = RunnerEvidence(
        reach=Reach.CHANGING,
        pid=lock.pid,
        started_at=lock.started_at,
        clock_step=clock_step(lock.pid, lock.started_at),
        unserved=lock.unserved,
    )
    if lock.control is not None:
        found = _command(data, lock.control, lock.pid, found)
    with Access(data, token=token) as access:
        client = access.client()
        return (found, None) if client is None else _ask(access, found.but(url=client.url))


def _command(data: Path, place: str, pid: int, found: RunnerEvidence) -> RunnerEvidence:
    """Ask the runner something as commands do."""
    try:
        with closing(ControlClient(data, place, pid)) as runner:
            load = runner.ask(GetLoad())
    except RecursorError as error:
        return found.but(commanded=False, refusal=str(error))
    assert isinstance(load, OrchestratorLoad)
    return found.but(commanded=True, load=load)


def _trouble(
    data: Path, runner: RunnerEvidence, stack_id: str, token: Callable[[], str | None]
) -> str | None:
    """Ask the runner what keeps a stack from going on, which no record tells."""
    if runner.load is None:
        return None
    with Access(data, token=token) as access, suppress(RecursorError):
        status = access.inspect(lambda inspection: inspection.status(stack_id))
        return None if status is None else status.trouble
    return None


def _ask(access: Access, found: RunnerEvidence) -> tuple[RunnerEvidence, Condition | None]:
    try:
        condition = access.condition()
    except RunnerSilentError as error:
        return found.but(reach=Reach.SILENT, silence=str(error)), None
    except RecursorError as error:
        # It is there: it wants a token that we have not, for one, or is of another version.
        return found.but(reach=Reach.UP, silence=f"the runner does not tell: {error}"), None
    if condition is None:
        return found, None
    if condition.load is None:
        return found.but(reach=Reach.SILENT, silence=condition.silence), condition
    return found.but(reach=Reach.UP, load=condition.load), condition
