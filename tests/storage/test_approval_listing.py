"""The requests for approval of several stacks."""

from contextlib import closing

import pytest

from recursor.domain.approval import Approval, ApprovalStatus
from recursor.domain.errors import NotFoundError
from recursor.storage.approval_listing import open_approvals
from recursor.storage.opening import memory_store
from recursor.storage.tables import APPROVALS
from tests.making import NOW, make_stack
from tests.storage.writing import create
from tests.storing import put_all

STACKS = {"5eed000000000001": "garden", "5eed000000000002": "orchard", "5eed000000000003": "meadow"}


def _asked(number: int, stack_id: str, status: ApprovalStatus = ApprovalStatus.PENDING) -> Approval:
    return Approval(
        id=f"{number:032}",
        stack_id=stack_id,
        action="run",
        subject="run `make`",
        digest="d" * 64,
        role="builder",
        execution_id="e" * 32,
        created_at=NOW,
        expires_at=NOW + 60,
        status=status,
    )


def test_open_ones_of_all_stacks_are_listed_newest_first() -> None:
    first, second, third = STACKS
    asked = [
        _asked(1, third),
        _asked(2, first),
        _asked(3, first, ApprovalStatus.REJECTED),
        _asked(4, third, ApprovalStatus.APPROVED),
        _asked(5, second, ApprovalStatus.USED),
    ]
    with closing(memory_store()) as store:
        for stack_id, name in STACKS.items():
            create(store, make_stack(id=stack_id, name=name))
        put_all(store, lambda commit: [APPROVALS.put(commit, each) for each in asked])
        with store.read() as reader:
            found = open_approvals(reader)
            assert [(each.stack, each.approval) for each in found] == [
                ("meadow", asked[3]),
                ("garden", asked[1]),
                ("meadow", asked[0]),
            ]
            assert [each.approval for each in open_approvals(reader, first)] == [asked[1]]
            with pytest.raises(NotFoundError):
                open_approvals(reader, "5eed00000000000f")
