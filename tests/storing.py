"""Puts into stores what tests begin with, past whoever would own it."""

from collections.abc import Callable
from typing import TypeVar

from recursor.domain.project import ProjectIdea
from recursor.domain.spending import Account, Reservation
from recursor.domain.stack import Stack
from recursor.orchestration.ledger import Ledger
from recursor.storage.commit import Commit
from recursor.storage.stack_names import add_name
from recursor.storage.store import Store
from recursor.storage.tables import ACCOUNTS, IDEAS, RESERVATIONS, STACKS

T = TypeVar("T")


def put_stack(commit: Commit, stack: Stack, idea: ProjectIdea | None = None) -> None:
    """Have a stack written, as it is."""
    STACKS.put(commit, stack)
    add_name(commit, stack)
    if idea is not None:
        IDEAS.put(commit, idea)


def empty_ledger() -> Ledger:
    """Books in which nothing is written yet."""
    return Ledger(lambda *_: None)


def put_ledger(commit: Commit, ledger: Ledger) -> None:
    """Have written what has changed in `ledger`."""
    for record in ledger.changed.values():
        match record:
            case Account():
                ACCOUNTS.put(commit, record)
            case Reservation():
                RESERVATIONS.put(commit, record)


def put_all(store: Store, work: Callable[[Commit], T]) -> T:
    """Have written what `work` puts into a commit, and return what it returns."""
    commit = Commit()
    made = work(commit)
    store.write(commit)
    return made
