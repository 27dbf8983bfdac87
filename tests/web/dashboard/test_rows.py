"""What the first page says of a team at work."""

from contextlib import closing

import pytest

from recursor.storage.opening import memory_store
from recursor.storage.stack_listing import ActiveRole
from recursor.web.dashboard.home.rows import TeamQuery, find_teams, row_of
from tests.making import NOW, make_stack
from tests.storage.writing import create


@pytest.mark.parametrize(
    ("since", "said"),
    [
        ({"builder": NOW}, "Builder working"),
        ({"builder": NOW, "reviewer": None}, "Builder working"),
        ({"builder": None}, "Builder waits for a slot"),
        ({"builder": None, "reviewer": None}, "Builder and reviewer wait for a slot"),
    ],
)
def test_agents_that_wait_for_a_place_are_told_from_those_that_work(
    since: dict[str, float | None], said: str
) -> None:
    with closing(memory_store()) as store:
        create(store, make_stack(state="running"))
        with store.read() as reader:
            (team,) = find_teams(reader, TeamQuery(), NOW).items
    running = tuple(ActiveRole(role=role, reason="", since=at) for role, at in since.items())
    assert row_of(team.but(running=running))["doing"] == said


def test_a_team_that_can_do_only_a_part_is_not_told_to_be_complete() -> None:
    with closing(memory_store()) as store:
        create(store, make_stack(state="running", phase="partial"))
        with store.read() as reader:
            (team,) = find_teams(reader, TeamQuery(), NOW).items
    row = row_of(team.but(next_look_at=None))
    assert row["phase"] == "Partly done"
    assert row["doing"] == "Done as far as a scripted team can, waiting for a message"
