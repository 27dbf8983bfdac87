"""Which roles have run in which stacks."""

from recursor.storage.roles_in_use import missing_roles, roles_of_stack
from recursor.storage.store import Store
from tests.making import make_state
from tests.storage.writing import put


def test_the_roles_that_a_team_lacks_are_told_with_their_stacks(database: Store) -> None:
    put(
        database,
        *(make_state(role, stack_id="a" * 16) for role in ("builder", "gardener")),
        *(make_state(role, stack_id="b" * 16) for role in ("gardener", "planner")),
    )
    with database.read() as reader:
        assert missing_roles(reader, ("planner", "builder")) == {"gardener": ["a" * 16, "b" * 16]}
        assert missing_roles(reader, ("planner", "builder", "gardener")) == {}
        assert roles_of_stack(reader, "a" * 16) == ("builder", "gardener")
        assert roles_of_stack(reader, "c" * 16) == ()
