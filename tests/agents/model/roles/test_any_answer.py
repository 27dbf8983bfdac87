"""Whatever a model answers in the right form comes to effects that can be stored, or is asked for again."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_ai import ModelRetry

from recursor.agents.model.answer import notes
from recursor.agents.model.builder import BuildingTask
from recursor.agents.model.communicator import AnsweringTask
from recursor.agents.model.planner import PlanningTask
from recursor.agents.model.reviewer import ReviewingTask
from recursor.agents.model.role import Task
from recursor.domain.agent import Run
from recursor.domain.effect import Outcome
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.storage.codec import decode, encode
from tests.making import (
    make_artifact,
    make_message,
    make_snapshot,
    make_stack,
    make_state,
    make_todo,
    make_user_message,
)

PAGE = "<!doctype html><html><body><p>Beds</p></body></html>"

text = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["", " ", "\n", "\x00", "\x85", "\u2028", "a\nb", "x" * 2_500, "\ufffe", "Re: "]),
)
# Mostly there are such.
number = st.sampled_from([1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 3])
usual = st.sampled_from(["Dig", "a\nb", "plant tree 1", " x\x85"])
words = st.one_of(usual, usual, usual, text)
sentences = st.lists(text, max_size=8)
common = {
    "summary": text,
    "thoughts": sentences,
    "learned": st.fixed_dictionaries({"facts": sentences, "learnings": sentences}),
}
answers = {
    "planner": {
        # It has none yet.
        "project": st.fixed_dictionaries(
            {"title": words, "description": text, "features": sentences, "idea": text}
        )
        | st.none(),
        "new_todos": st.lists(
            st.fixed_dictionaries(
                {
                    "content": words,
                    "priority": st.integers(1, 5),
                    "recommendations": st.lists(number, max_size=2),
                    "message": st.none() | number,
                }
            ),
            max_size=2,
        ),
        "changed_todos": st.lists(
            st.fixed_dictionaries({"number": number, "content": st.none() | words, "cancel": st.booleans()}),
            max_size=2,
        ),
        "start_over": st.sampled_from([False, False, False, True]),
        "whole": st.booleans(),
        "complete": st.sampled_from([False, False, False, True]),
        "phase": st.sampled_from([None, "planning", "building", "reviewing"]),
    },
    "builder": {
        "edits": st.lists(
            st.fixed_dictionaries({"search": st.sampled_from(["Beds", "<p>", "no"]) | text, "replace": text}),
            max_size=3,
        ),
        "page": st.none() | text.map(lambda inside: PAGE.replace("Beds", inside)) | text,
        "cannot": st.none() | text,
    },
    "communicator": {
        "answer": words | words | st.none(),
        "needs_planning": st.sampled_from([True, False, True, False, None]),
        "letters": st.lists(st.fixed_dictionaries({"number": number, "answer": words}), max_size=2),
    },
    "reviewer": {
        "verdict": text,
        "issues": st.lists(
            st.fixed_dictionaries(
                {
                    "severity": st.sampled_from(["critical", "major", "minor"]),
                    "problem": text,
                    "remedy": text,
                }
            ),
            max_size=4,
        ),
    },
}


def busy() -> Snapshot:
    return make_snapshot(
        make_state("reviewer", recommendations=("label it", "shorten it")),
        stack=make_stack(phase="building"),
        todos=(make_todo(1), make_todo(2)),
        user_messages=(make_user_message(1), make_user_message(2)),
        messages=(make_message(3), make_message(4)),
        artifact=make_artifact(1, content=PAGE),
    )


def reviewing(snapshot: Snapshot, run: Run) -> ReviewingTask:
    assert snapshot.artifact is not None
    return ReviewingTask(snapshot, snapshot.artifact, run)


TASKS: dict[str, Callable[[Snapshot, Run], Task[Any]]] = {
    "planner": PlanningTask,
    "builder": BuildingTask,
    "communicator": AnsweringTask,
    "reviewer": reviewing,
}


@pytest.mark.parametrize("role", TASKS)
def test_it_can_be_stored_or_is_asked_for_again(role: str) -> None:
    run = Run("e", role, 1, "because", Settings(), 0.0)
    reached = 0

    @given(st.fixed_dictionaries({**common, **answers[role]}))
    def check(raw: dict[str, Any]) -> None:
        nonlocal reached
        task = TASKS[role](busy(), run)
        task.fitted(task.sections(), 100_000)
        try:
            answer = task.check(TypeAdapter(task.output).validate_python(raw))
        except (ValidationError, ModelRetry):
            # The model is told, and asked again.
            return
        reached += 1
        outcome = Outcome(
            effects=(*task.effects(answer), *notes(None, answer.learned, answer.summary)),
            summary=answer.summary,
            thoughts=tuple(task.thoughts(answer)),
        )
        assert decode(Outcome, encode(outcome), "outcomes", b"key") == outcome

    check()
    assert reached
