"""What agents ask for, seen and answered by commands."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from recursor.cli.options import DEFAULT_DATA
from recursor.domain.approval import Approval
from recursor.runner.data_paths import store_directory
from recursor.storage.commit import Commit
from recursor.storage.opening import open_store
from recursor.storage.tables import APPROVALS
from tests.making import NOW

FAR = 4e9


@contextmanager
def asking(data: Path, stack_id: str) -> Iterator[None]:
    """Put two requests of a stack on disk."""
    with closing(open_store(store_directory(data))) as store:
        commit = Commit()
        for digits, subject in (("00001a3f", "merge “Water them”"), ("00002b3f", "run `make`")):
            asked = Approval(
                id=digits.rjust(32, "0"),
                stack_id=stack_id,
                action="run",
                subject=subject,
                detail="2 files\nsearch.py",
                digest="d" * 64,
                why="so that they live",
                role="builder",
                execution_id="e" * 32,
                created_at=NOW,
                expires_at=FAR,
            )
            APPROVALS.add(commit, asked)
        store.write(commit)
    yield


@pytest.fixture
def stack(run: Callable[..., str]) -> str:
    stack_id = run("create", "garden").strip()
    with asking(DEFAULT_DATA, stack_id):
        return stack_id


def test_requests_are_listed_with_what_why_and_how_to_answer(run: Callable[..., str], stack: str) -> None:
    del stack
    listed = run("approvals")
    for part in ("garden", "merge “Water them”", "so that they live", "recursor approve 00001a3f"):
        assert part in listed


def test_an_answer_is_kept_with_its_note_and_who_gave_it(run: Callable[..., str], stack: str) -> None:
    del stack
    answered = json.loads(run("reject", "1a3f", "--note", "not now", "--json"))
    assert (answered["status"], answered["note"]) == ("rejected", "not now")
    assert answered["answered_by"]
    assert run("approve", "00002b3f") == "approved: run `make`\n"
    assert [each["approval"]["status"] for each in json.loads(run("approvals", "--json"))] == ["approved"]
    history = json.loads(run("approvals", "garden", "--all", "--json"))
    assert {each["approval"]["status"] for each in history} == {"approved", "rejected"}


def test_digits_that_fit_several_or_none_are_refused(run: Callable[..., str], stack: str) -> None:
    del stack
    assert run("approve", "3f", code=1) == ("several approvals have ids that end with '3f': give more digits")
    assert run("approve", "77", code=1) == "no open approval '77': `recursor approvals` lists them"


def test_nothing_to_answer(run: Callable[..., str]) -> None:
    run("create", "garden")
    assert run("approvals") == "nothing waits for approval\n"
    assert run("approvals", "--all", code=2).startswith("approvals: --all goes with a stack")
