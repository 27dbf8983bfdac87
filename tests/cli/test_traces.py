"""What agents thought and did is shown newest first, and followed as it comes."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from recursor.domain.ids import new_id
from recursor.domain.trace import Trace
from recursor.runner.data_paths import store_directory
from recursor.storage.commit import Commit
from recursor.storage.opening import open_store
from recursor.storage.tables import TRACES
from tests.making import NOW
from tests.processes import Done, Started, started


@pytest.fixture
def stack_id(recursor: Callable[..., Done]) -> str:
    return recursor("create", "garden").out.strip()


@pytest.fixture
def trace(data: Path, stack_id: str) -> Callable[..., None]:
    """Has an agent leave traces."""

    def leave(*said: tuple[str, str]) -> None:
        commit = Commit()
        for role, summary in said:
            identity = new_id()
            made = Trace(
                id=identity,
                stack_id=stack_id,
                execution_id=identity,
                role=role,
                created_at=NOW,
                summary=summary,
                thoughts=("\x1b[31mred",),
                effects=("add_todo", "add_todo", "set_focus"),
            )
            TRACES.add(commit, made)
        with closing(open_store(store_directory(data))) as store:
            store.write(commit)

    return leave


def test_the_newest_come_first_by_role_and_text(
    recursor: Callable[..., Done], trace: Callable[..., None]
) -> None:
    trace(("planner", "Plan trees"), ("builder", "Plant trees"), ("builder", "Rest"))

    def said(*options: str) -> list[str]:
        return [trace["summary"] for trace in recursor("traces", "garden", *options, "--json").json]

    assert said() == ["Rest", "Plant trees", "Plan trees"]
    assert said("--limit", "1") == ["Rest"]
    assert said("--role", "builder", "--text", "TREES") == ["Plant trees"]
    assert said("--text", "nothing") == []
    shown = recursor("traces", "garden", "--role", "planner").out.splitlines()
    assert shown[0].endswith("planner        Plan trees")
    assert [line.strip() for line in shown[1:]] == ["\\x1b[31mred", "→ 2 add_todo, set_focus"]


@contextmanager
def following(data: Path, *options: str) -> Iterator[tuple[Started, Callable[[], str]]]:
    with started("traces", "garden", "-f", *options, data=data) as process:
        assert process.process.stdout is not None
        yield process, process.process.stdout.readline


def test_what_comes_is_followed_without_a_runner_until_ctrl_c(data: Path, trace: Callable[..., None]) -> None:
    trace(("planner", "one"), ("planner", "two"), ("builder", "three"))
    with following(data, "--limit", "2", "--role", "planner", "--json") as (process, line):
        assert [json.loads(line())["summary"] for _ in range(2)] == ["one", "two"]
        trace(("builder", "four"), ("planner", "five"), ("planner", "six"))
        trace(("planner", "seven"))
        assert [json.loads(line())["summary"] for _ in range(3)] == ["five", "six", "seven"]
        assert process.end(signal.SIGINT) == 0
        assert (process.out, process.err) == ("", "")


def test_who_follows_is_told_that_the_stack_is_gone(
    data: Path, recursor: Callable[..., Done], trace: Callable[..., None]
) -> None:
    trace(("planner", "one"))
    with following(data) as (process, line):
        assert line().endswith("one\n")
        recursor("delete", "garden", "--yes")
        assert process.end() == 1
        assert process.err.startswith("recursor: no stack ")


def test_nobody_is_followed_for_when_the_reader_has_gone(data: Path, trace: Callable[..., None]) -> None:
    trace(("planner", "one"))
    with following(data) as (process, line):
        assert line()
        assert process.process.stdout is not None
        process.process.stdout.close()
        assert process.end() == 0
        assert process.err == ""
