"""Supervisors that die in the middle of their work: another takes over where the store says it was."""

import pytest

from tests.crash.lives import Lives
from tests.crash.process import STEADY

pytestmark = pytest.mark.crash


def test_what_a_dead_supervisor_had_under_way_is_gone_on_with(lives: Lives) -> None:
    lives.ledger.accidents = True
    lives.forgive_errors("")
    child = lives.start("--deaths", "0.05", *STEADY)
    child.await_word("ready")
    for _ in range(8):
        lives.load.give(child, 0.3)
        lives.await_answers(child)
    lives.bring_to_rest(child)
