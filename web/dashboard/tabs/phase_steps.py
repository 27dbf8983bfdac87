"""The phase of a project, as steps."""

from recursor.domain.stack import Phase
from recursor.web.dashboard.parts import Box, Glyph, Span
from recursor.web.dashboard.state_styles import PHASES

_STEPS = (Phase.PLANNING, Phase.BUILDING, Phase.REVIEWING, Phase.COMPLETE)
# The number of steps done in each phase.
_DONE = {Phase.PLANNING: 0, Phase.BUILDING: 1, Phase.REVIEWING: 2, Phase.PARTIAL: 3, Phase.COMPLETE: 4}
_SAID = {"done": "done", "now": "now", "later": "not yet"}


class PhaseSteps:
    """The phases in order, with the current one."""

    def __init__(self) -> None:
        """Build it, in the first phase."""
        self._steps: dict[Phase, tuple[Box, Glyph, Span]] = {}
        with Box("ol", "phases", aria_label="Phase"):
            for phase in _STEPS:
                with Box("li", "phase") as step:
                    glyph = Glyph("minus")
                    Span(PHASES[phase])
                    said = Span("", "for-screen-readers")
                self._steps[phase] = step, glyph, said

    def show(self, current: Phase) -> None:
        """Show that a project is in the phase `current`."""
        done = _DONE[current]
        for index, (phase, (step, glyph, said)) in enumerate(self._steps.items()):
            place = "done" if index < done else "now" if phase is current else "later"
            if step._props.get("data-place") != place:
                step._props["data-place"] = place
            glyph.show({"done": "check", "now": "right", "later": "minus"}[place])
            said.text = f", {_SAID[place]}"
