"""The reviewer: checks the newest version of the page and recommends fixes."""

from recursor.agents.recommendations import planned
from recursor.agents.scripted.review import CHECK_NAMES, review
from recursor.agents.scripted.wording import one_line
from recursor.domain.agent import Run
from recursor.domain.effect import Outcome, Remember, ReviewArtifact, SetFocus
from recursor.domain.snapshot import Snapshot


class ScriptedReviewer:
    """Checks the page as it is, not as it was meant."""

    def run(self, snapshot: Snapshot, run: Run) -> Outcome:  # noqa: ARG002  # it needs only the snapshot
        """Propose the review of the newest version."""
        artifact = snapshot.artifact
        if artifact is None:
            return Outcome()
        findings = review(artifact.content, snapshot.todos)
        following = planned(snapshot.open_todos)
        new = [finding for finding in findings if finding.recommendation not in following]
        if new:
            said = f"Version {artifact.number}: {_things(len(new))} to put right. First: {new[0].text}"
        elif findings:
            said = f"Version {artifact.number}: nothing new; what was found before is planned already."
        else:
            passed = f"passed all {len(CHECK_NAMES)} checks of what was made"
            said = f"Version {artifact.number} {passed}{_not_made(snapshot)}."
        return Outcome(
            effects=(
                ReviewArtifact(number=artifact.number, recommendations=tuple(f.recommendation for f in new)),
                Remember(facts=(one_line(said, 300),)),
                SetFocus(active_task=None, focus=one_line(said, 200)),
            ),
            summary=said,
            thoughts=tuple(f"{finding.check}: {finding.text}" for finding in findings)
            or (f"Checked {', '.join(CHECK_NAMES)}.",),
        )


def _not_made(snapshot: Snapshot) -> str:
    """Return the missing parts of the idea, which no check can find."""
    reading = None if snapshot.idea is None else snapshot.idea.reading
    if reading is None or not reading.missing:
        return ""
    return f"; it has not: {'; '.join(reading.missing)}"


def _things(number: int) -> str:
    return "one thing" if number == 1 else f"{number} things"
