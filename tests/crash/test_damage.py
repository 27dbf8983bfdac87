"""A store that may not be written, is damaged, or holds a record that nobody can read."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from recursor.domain.stack import ExecutionState, Stack
from recursor.storage.commit import Commit
from recursor.storage.opening import open_store
from recursor.storage.queries import UnreadableStack, list_stacks
from recursor.storage.store import prefix_range
from recursor.storage.table import Table
from recursor.storage.tables import (
    EXECUTIONS,
    GRAPHS,
    IDEAS,
    STACKS,
    STATES,
    TODOS,
    UNANSWERED,
    USER_MESSAGES,
)
from tests.crash.lives import Lives
from tests.crash.process import Child, refusal, wait_until

pytestmark = pytest.mark.crash
SLOW = pytest.mark.slow

NOBODY = 65534


def contents(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture
def foreign_directory() -> Iterator[tuple[Path, int | None]]:
    """A directory that the runner may not write to, and the user to run it as."""
    # pytest's own directories are closed to other users.
    directory = Path(tempfile.mkdtemp(prefix="recursor-crash-"))
    user = NOBODY if os.geteuid() == 0 else None
    yield directory, user
    directory.chmod(0o755)
    shutil.rmtree(directory)


@pytest.mark.parametrize("used_before", [False, True])
def test_a_directory_that_may_not_be_written(
    foreign_directory: tuple[Path, int | None], used_before: bool, begun: Lives, tmp_path: Path
) -> None:
    directory, user = foreign_directory
    if used_before:
        begun.copied(tmp_path, directory, Random(1))
        for path in directory.rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
    directory.chmod(0o555)
    before = contents(directory)
    assert "let this user write there" in refusal(directory, user=user)
    assert contents(directory) == before


@pytest.mark.parametrize(
    "damage", ["garbage", pytest.param("zeros", marks=SLOW), pytest.param("short", marks=SLOW)]
)
def test_a_damaged_store_is_refused_and_left_as_it_is(lives: Lives, damage: str) -> None:
    data = lives.directory / "store" / "data.mdb"
    whole = data.read_bytes()
    damaged = {"garbage": b"garbage" * 9000, "zeros": bytes(len(whole)), "short": whole[: len(whole) // 2]}
    data.write_bytes(damaged[damage])
    assert "restore a backup" in refusal(lives.directory)
    assert data.read_bytes() == damaged[damage]
    data.write_bytes(whole)
    lives.bring_to_rest(lives.start())


@pytest.mark.parametrize(
    "table",
    [TODOS, *(pytest.param(table, marks=SLOW) for table in (USER_MESSAGES, IDEAS, STATES))],
    ids=lambda table: table.name,
)
def test_a_poisoned_record_pauses_its_stack_and_no_other(lives: Lives, table: Table[Any]) -> None:
    live_for_a_while(lives)
    poisoned, key = poison(lives, table)
    child = lives.start()
    child.await_word("ready")
    others_answer(lives, child, poisoned)
    wait_until(lambda: read(lives, poisoned).state is ExecutionState.PAUSED)
    assert f"{table.name} {key.decode()}" in (read(lives, poisoned).state_reason or "")
    # What cannot be read can still be deleted, and then nothing is left of it.
    lives.load.delete(child, poisoned)
    lives.bring_to_rest(child)


@pytest.mark.parametrize(
    "table", [EXECUTIONS, pytest.param(GRAPHS, marks=SLOW)], ids=lambda table: table.name
)
def test_a_poisoned_cycle_pauses_its_stack_and_no_other(lives: Lives, table: Table[Any]) -> None:
    poisoned = list(lives.load.stacks)[1]
    end_in_a_cycle(lives, poisoned)
    current = read(lives, poisoned).current_execution_id
    _, key = poison(lives, table, f"{poisoned}/{current}".encode())
    child = lives.start()
    child.await_word("ready")
    wait_until(lambda: read(lives, poisoned).state is ExecutionState.PAUSED)
    assert f"{table.name} {key.decode()}" in (read(lives, poisoned).state_reason or "")
    others_answer(lives, child, poisoned)
    lives.load.delete(child, poisoned)
    lives.bring_to_rest(child)


def test_a_stack_whose_own_record_is_poisoned_holds_up_no_other(lives: Lives) -> None:
    live_for_a_while(lives)
    poisoned, key = poison(lives, STACKS)
    lives.forgive_errors(f"stack {poisoned} cannot be read")
    child = lives.start()
    child.await_word("ready")
    others_answer(lives, child, poisoned)
    with lives.store() as store, store.read() as reader:
        listed = [stack for stack in list_stacks(reader) if isinstance(stack, UnreadableStack)]
    assert [stack.id for stack in listed] == [poisoned]
    assert f"{STACKS.name} {key.decode()}" in listed[0].problem
    lives.load.delete(child, poisoned)
    lives.bring_to_rest(child)


def live_for_a_while(lives: Lives) -> None:
    child = lives.start()
    child.await_word("ready")
    lives.load.give(child, 0.3)
    lives.bring_to_rest(child)


def end_in_a_cycle(lives: Lives, stack_id: str) -> None:
    """Have the runner end while agents of this stack are at work."""
    while read(lives, stack_id).current_execution_id is None:
        child = lives.start("--moods", "hangs:100", "--grace", "0")
        child.await_word("ready")
        # Not all agents can hang: a cycle may end before it is seen.
        while read(lives, stack_id).current_execution_id is None:
            lives.load.command(child, "visit", stack_id)
            lives.await_answers(child)
        assert child.terminate() == 0


def others_answer(lives: Lives, child: Child, poisoned: str) -> None:
    """Have visitors write to all stacks; those that can be read answer, and are not paused."""
    for stack_id in lives.load.stacks:
        lives.load.command(child, "visit", stack_id)
    lives.await_answers(child)
    others = [stack_id for stack_id in lives.load.stacks if stack_id != poisoned]
    wait_until(lambda: not any(unanswered(lives, stack_id) for stack_id in others))
    assert {read(lives, stack_id).state for stack_id in others} == {ExecutionState.RUNNING}


def unanswered(lives: Lives, stack_id: str) -> list[str]:
    with lives.store() as store, store.read() as reader:
        return list(USER_MESSAGES.keys(reader, stack_id, shelf=UNANSWERED))


def read(lives: Lives, stack_id: str) -> Stack:
    with lives.store() as store, store.read() as reader:
        stack = STACKS.get(reader, stack_id)
    assert stack is not None
    return stack


def poison(lives: Lives, table: Table[Any], key: bytes | None = None) -> tuple[str, bytes]:
    """Make a record unreadable: the given one, or any. Returns the stack and the key."""
    with closing(open_store(lives.directory / "store")) as store:
        with store.read() as reader:
            stack_id, found = next(
                (stack_id, found)
                for stack_id in list(lives.load.stacks)[1:]
                # The newest is in every snapshot.
                for found, _ in reader.scan(table.name, *prefix_range(stack_id.encode()), reverse=True)
                if key is None or found == key
            )
        commit = Commit()
        commit.put(table.name, found, b"\xc1 is never used in msgpack")
        store.write(commit)
    return stack_id, found
