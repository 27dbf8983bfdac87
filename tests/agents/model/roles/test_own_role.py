"""What somebody has forgotten in a role of their own is said by name, and pauses the stack."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from recursor.agents.model import prompt_sections
from recursor.agents.model.answer import Answer
from recursor.agents.model.context import PromptSection
from recursor.agents.model.role import ModelRole, Task
from recursor.domain.agent import Run
from recursor.domain.effect import Effect
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError
from tests.making import make_idea, make_snapshot
from tests.model_stub.answers import Answer as Said
from tests.model_stub.answers import always


class Whole(Task[Answer]):
    output = Answer

    def sections(self) -> Sequence[PromptSection]:
        return (prompt_sections.idea(self.snapshot),)

    def effects(self, answer: Answer) -> Sequence[Effect]:
        assert answer
        return ()


class Tester(ModelRole[Answer]):
    prompt = "tester"
    kind: type[Task[Answer]] = Whole

    def task(self, snapshot: Snapshot, run: Run) -> Task[Answer]:
        return self.kind(snapshot, run)


class WithoutOutput(Task[Answer]):
    sections = Whole.sections
    effects = Whole.effects


class WithoutCheck(Whole):
    def check(self, answer: Answer) -> Answer:
        assert answer


class WithoutEffects(Whole):
    def effects(self, answer: Answer) -> Sequence[Effect]:
        assert answer


class OtherCheck(Whole):
    def check(self, answer: Answer) -> Any:
        return answer.summary


@pytest.fixture
def tested(asking: Any, tmp_path: Path) -> Any:
    (tmp_path / "tester.md").write_text("---\nversion: 1\n---\nYou test.\n")
    asking.stub.script = always(Said(arguments={"summary": "Done."}))

    def run(**role: Any) -> Any:
        made = type("Own", (Tester,), {"prompts": tmp_path, **role})()
        return asking.outcome_of(made, make_snapshot(idea=make_idea()), asking.run("tester"))

    return run


def test_one_that_is_whole_runs(tested: Any) -> None:
    assert tested().summary == "Done."


@pytest.mark.parametrize(
    ("role", "problem", "calls"),
    [
        ({"kind": WithoutOutput}, "WithoutOutput.output is missing: set it to what the answer has to be", 0),
        ({"kind": WithoutCheck}, "WithoutCheck.check returned nothing: have it return an Answer", 1),
        ({"kind": OtherCheck}, "OtherCheck.check returned a str: have it return an Answer", 1),
        ({"kind": WithoutEffects}, "WithoutEffects.effects returned nothing: have it return an Iterable", 1),
    ],
)
def test_what_is_missing_is_named(tested: Any, asking: Any, role: Any, problem: str, calls: int) -> None:
    with pytest.raises(AgentFailedError) as failed:
        tested(**role)
    assert (str(failed.value), failed.value.suspend) == (problem, True)
    assert len(asking.stub.calls) == calls
    assert bool(failed.value.usage and failed.value.usage.input_tokens) == bool(calls)


class Gathering(Tester):
    async def task(self, snapshot: Snapshot, run: Run) -> Task[Answer]:  # type: ignore[override]  # it may
        await asyncio.sleep(0)
        return Whole(snapshot, run)


def test_what_to_ask_for_may_be_awaited(tested: Any) -> None:
    assert tested(task=Gathering.task).summary == "Done."


def test_a_prompt_that_is_missing_is_told_with_where_it_should_be(tested: Any, tmp_path: Path) -> None:
    (tmp_path / "tester.md").unlink()
    with pytest.raises(AgentFailedError) as failed:
        tested()
    assert str(failed.value) == (
        f"prompt {tmp_path / 'tester.md'}: there is no such file: write it, or have the role name another"
    )
    assert failed.value.suspend


def test_a_role_without_the_name_of_a_prompt_says_so(tested: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Tester, "prompt")
    with pytest.raises(AgentFailedError, match=r"Own\.prompt is missing: set it to the name of its prompt"):
        tested()
