"""A team that asks a model takes an idea to a finished page with a visitor's wish, and then rests."""

import pytest

from benchmarks.comparison.fake_model import FakeModel
from benchmarks.comparison.recursor_team import recursor_team
from tests.model_stub.server import ModelStub

TEN_MINUTES = 600.0


@pytest.mark.parametrize(("parts", "most_calls"), [(1, 9), (3, 13)])
def test_a_project_is_finished_with_no_needless_call_and_a_finished_one_costs_nothing(
    parts: int, most_calls: int
) -> None:
    with ModelStub(FakeModel(parts, latency=0.0)) as stub, recursor_team(stub.url) as team:
        made = team.make()
        assert made.missing(parts) == []
        assert len(stub.calls) <= most_calls
        finished_with = len(stub.calls)
        team.rest(TEN_MINUTES)
        assert len(stub.calls) == finished_with
        assert stub.problems == []
