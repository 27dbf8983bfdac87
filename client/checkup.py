"""Diagnoses a data directory from outside, whatever the state of the directory, its store and its runner."""

import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from recursor.agents.model.model_checks import keyed_providers
from recursor.client.endpoint import Endpoint
from recursor.client.synchronous import Client
from recursor.doctor.clocks import clock_step
from recursor.doctor.diagnosis import diagnose
from recursor.doctor.evidence import Condition, LockEvidence, Reach, RunnerEvidence, StoreEvidence
from recursor.doctor.examination import examine_stacks, look_around
from recursor.doctor.report import Report
from recursor.domain.errors import RecursorError
from recursor.runner.configuration import Configuration
from recursor.runner.data_paths import store_directory
from recursor.runner.directory_lock import runner_of
from recursor.runner.errors import RunnerSilentError
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
    migrations: Migrations = MIGRATIONS,
    now: Callable[[], float] = time.time,
    configuration: Configuration | None = None,
) -> Report:
    """Return the problems of a data directory and its stacks, or of one stack. Nothing is changed or created.

    Args:
        data: the data directory.
        named: a stack's id, the first digits of it, or its name; None for all.
        in_commands: the data directory's name for commands; None if not needed.
        migrations: the schema versions that this program knows.
        now: tells the time in seconds since the epoch, UTC.
        configuration: the token, and the settings of a runner started here, in case no runner answers with
            its own.

    Raises:
        NotFoundError, AmbiguousError: `named` matches no stack, or several.
    """
    configuration = configuration or Configuration()
    around = look_around(data, configuration.settings, now())
    lock, store = around.lock, around.store
    assert lock is not None
    assert store is not None
    runner, told = _look_at_runner(data, lock, configuration)
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
            return examine_stacks(
                opened.read, evidence, named, partial(_trouble, data, runner, configuration)
            )
    except StorageError as error:
        return diagnose(evidence.but(store=store.but(problem=str(error))), ())


def _keyed(runner: RunnerEvidence, told: Condition | None) -> tuple[str, ...] | None:
    """Return the providers for which the runner, or one started here, has a key."""
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
            raise StorageCorruptError(
                f"its schema version is not a number: {error}: restore a backup"
            ) from None


def _look_at_runner(
    data: Path, lock: LockEvidence, configuration: Configuration
) -> tuple[RunnerEvidence, Condition | None]:
    """Ask the runner, if there is one, for facts that only it knows."""
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
        found = _command(Endpoint(data, None, configuration, runner=lock.pid), found)
    holding = runner_of(data)
    url = None if holding is None else holding.details.get("url")
    if not isinstance(url, str):
        return found, None
    return _ask(Endpoint(url, None, configuration, runner=lock.pid), found.but(url=url))


def _command(place: Endpoint, found: RunnerEvidence) -> RunnerEvidence:
    """Ask the runner a question in the way of commands."""
    try:
        with Client(place) as client:
            condition = client.condition()
    except RecursorError as error:
        return found.but(commanded=False, refusal=str(error))
    if condition.load is None:
        return found.but(commanded=False, refusal=condition.silence)
    return found.but(commanded=True, load=condition.load)


def _trouble(data: Path, runner: RunnerEvidence, configuration: Configuration, stack_id: str) -> str | None:
    """Ask the runner what keeps a stack from continuing, if no record shows it."""
    if runner.load is None:
        return None
    with Client(Endpoint(data, None, configuration, runner=runner.pid)) as client, suppress(RecursorError):
        return client.status(stack_id).trouble
    return None


def _ask(place: Endpoint, found: RunnerEvidence) -> tuple[RunnerEvidence, Condition | None]:
    """Ask the runner over HTTP, like the dashboard and other programs."""
    try:
        with Client(place) as client:
            condition = client.condition()
    except RunnerSilentError as error:
        return found.but(reach=Reach.SILENT, silence=str(error)), None
    except RecursorError as error:
        # The runner is there, but wants a token that we do not have, or has another version.
        return found.but(reach=Reach.UP, silence=f"the runner does not report it: {error}"), None
    if condition.load is None:
        return found.but(reach=Reach.SILENT, silence=condition.silence), condition
    return found.but(reach=Reach.UP, load=condition.load), condition
