"""The reviewer that asks a model about what was merged since its last review."""

from pathlib import Path
from typing import Any

import pytest

from recursor.agents.workspace.contents import WorkspaceContents
from recursor.domain.effect import Outcome, ReviewArtifact
from recursor.domain.errors import NotFoundError
from recursor.domain.workspace import CheckResult
from tests.agents.model.loop import agent_loop
from tests.agents.model.workspace.conftest import Shop, answer
from tests.making import NOW, make_state
from tests.model_stub.answers import in_turn


def review(shop: Shop, *answers: dict[str, Any], since: str | None = None, **fields: Any) -> Outcome:
    """What the reviewer proposes on these answers."""
    shop.stub.calls.clear()
    shop.stub.script = in_turn(*(answer(**each) for each in answers))
    states = () if since is None else (make_state("reviewer", reviewed_commit=since),)
    snapshot = shop.snapshot(states=states, workspace={"number": 2, **fields})
    return agent_loop().run(shop.work(snapshot, shop.run_of("reviewer")))


def question(shop: Shop) -> str:
    return str(shop.stub.calls[0].body["messages"][1]["content"])


def test_the_difference_since_the_last_review_is_judged(shop: Shop, tmp_path: Path) -> None:
    before = shop.tip
    shop.commit({"src/new.py": "new = 1\n", "README.md": None}, tmp_path / "change")
    issue = {"severity": "major", "problem": "new is never used.", "remedy": "Use it."}
    outcome = review(shop, {"issues": [issue], "verdict": "Not yet."}, since=before)
    (reviewed,) = [effect for effect in outcome.effects if isinstance(effect, ReviewArtifact)]
    assert reviewed.number == 2
    assert reviewed.recommendations == ("major: new is never used. Remedy: Use it.",)
    assert "+new = 1" in question(shop)
    assert "- added: src/new.py (+1 -0)" in question(shop)
    assert "def total" not in question(shop)
    assert "since your last" in str(shop.stub.calls[0].body["messages"][0]["content"])


def test_the_first_review_begins_where_the_team_began(shop: Shop) -> None:
    from tests.agents.model.workspace.conftest import DONE
    from tests.agents.model.workspace.test_builder import EDIT, proposal_in

    shop.tip = proposal_in(shop.build(EDIT, DONE)).commit
    review(shop, {"verdict": "Good."})
    assert "+    return sum(prices)" in question(shop)
    assert "# Shop" not in question(shop)


def test_checks_that_fail_are_recommendations(shop: Shop, tmp_path: Path) -> None:
    before = shop.tip
    shop.commit({"a": "b"}, tmp_path / "change")
    failed = CheckResult(command="pytest", passed=False, status=1, seconds=1, commit=shop.tip, at=NOW)
    outcome = review(shop, {"verdict": "Good."}, since=before, checks=(failed,))
    (reviewed,) = [effect for effect in outcome.effects if isinstance(effect, ReviewArtifact)]
    assert reviewed.recommendations == ("The check `pytest` fails on the newest version: put that right",)


def test_where_no_file_changed_no_model_is_asked(shop: Shop) -> None:
    outcome = review(shop, since=shop.tip)
    assert outcome.effects == (ReviewArtifact(number=2, recommendations=()),)
    assert shop.stub.calls == []


def test_a_difference_that_does_not_fit_is_cut_and_says_so(shop: Shop, tmp_path: Path) -> None:
    before = shop.tip
    lock = "".join(f"package-{number} = 1.0.{number}\n" for number in range(20_000))
    shop.commit({"a-lock.txt": lock, "src/new.py": "new = 1\n"}, tmp_path / "change")
    review(shop, {"verdict": "Good."}, since=before)
    assert "+new = 1" in question(shop)
    assert "- added: a-lock.txt" in question(shop)
    assert "too large to be shown whole" in str(shop.stub.calls[0].body["messages"][0]["content"])


def test_roles_of_ones_own_read_the_repository_by_reference(shop: Shop, tmp_path: Path) -> None:
    before = shop.tip
    after = shop.commit({"src/new.py": "new = 1\n"}, tmp_path / "change")
    contents = WorkspaceContents(shop.snapshot(), shop.run_of("tester"))
    run = agent_loop().run
    assert run(contents.file(after, "src/new.py")) == b"new = 1\n"
    assert run(contents.text(after, "nothing")) is None
    assert [each.path for each in run(contents.difference(before, after)).files] == ["src/new.py"]
    assert run(contents.commits(after, 1))[0].commit == after
    assert "src/new.py (8 bytes)" in run(contents.files(after))
    with pytest.raises(NotFoundError):
        run(contents.file(before, "src/new.py"))
