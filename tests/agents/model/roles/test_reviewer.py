"""The reviewer that asks a model: what programs find is kept, what it finds is bounded and in order."""

from collections.abc import Callable
from typing import Any

from recursor.domain.effect import Outcome, ReviewArtifact
from recursor.domain.snapshot import Snapshot
from tests.making import make_artifact, make_snapshot, make_todo

Effects = Callable[[Outcome, type[Any]], list[Any]]

SOUND = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Garden</title>
<meta name="viewport" content="width=device-width"></head>
<body><main><h1>Garden</h1></main></body></html>
"""
NO_LANGUAGE = "The page does not say which language it is in. [language]"


def page(content: str = SOUND, **fields: Any) -> Snapshot:
    return make_snapshot(artifact=make_artifact(4, content=content), **fields)


def issue(severity: str, problem: str = "Too small.") -> dict[str, str]:
    return {"severity": severity, "problem": problem, "remedy": "Enlarge it."}


def recommended(outcome: Outcome) -> tuple[str, ...]:
    (reviewed,) = [effect for effect in outcome.effects if isinstance(effect, ReviewArtifact)]
    assert reviewed.number == 4
    return reviewed.recommendations


def test_a_good_page_is_left_in_peace(asking: Any) -> None:
    assert recommended(asking("reviewer", page(), {"issues": []})) == ()
    assert "<h1>Garden</h1>" in asking.question


def test_what_programs_find_is_shown_and_kept_whatever_the_model_thinks(asking: Any) -> None:
    outcome = asking("reviewer", page(SOUND.replace(' lang="en"', "")), {"issues": []})
    assert "- language: The page does not say" in asking.question
    assert recommended(outcome) == (NO_LANGUAGE,)


def test_issues_come_by_severity_and_trifles_are_only_noted(asking: Any) -> None:
    issues = [issue("minor", "Pale."), issue("major", "Slow."), issue("critical", "Broken.")]
    outcome = asking("reviewer", page(), {"issues": issues})
    assert recommended(outcome) == (
        "critical: Broken. Remedy: Enlarge it.",
        "major: Slow. Remedy: Enlarge it.",
    )
    assert outcome.thoughts[:3] == ("critical: Broken.", "major: Slow.", "minor: Pale.")


def test_recommendations_are_bounded_and_programs_come_first(asking: Any) -> None:
    issues = [issue("major", f"Thing {n}.") for n in range(10)]
    given = recommended(asking("reviewer", page(SOUND.replace(' lang="en"', "")), {"issues": issues}))
    assert len(given) == 8
    assert given[0] == NO_LANGUAGE


def test_what_is_planned_is_not_recommended_again(asking: Any) -> None:
    planned = make_todo(1, metadata={"recommendations": [NO_LANGUAGE]})
    snapshot = page(SOUND.replace(' lang="en"', ""), todos=(planned,))
    assert recommended(asking("reviewer", snapshot, {"issues": []})) == ()


def test_an_unknown_severity_is_asked_for_again(asking: Any) -> None:
    asking("reviewer", page(), {"issues": [issue("dreadful")]}, {"issues": []})
    assert "dreadful" in asking.complaint


def test_it_is_told_when_it_sees_a_part_only(asking: Any) -> None:
    large = SOUND.replace("</main>", "<p>words</p>\n" * 20_000 + "</main>")
    asking("reviewer", page(large), {"issues": []}, context_tokens=8_000)
    assert "only a part of the page" in asking.instructions
