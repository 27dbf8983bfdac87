"""The phase of a project, as steps."""

from recursor.domain.stack import Phase
from recursor.web.dashboard.parts import Box, Glyph, Span
from recursor.web.dashboard.state_styles import PHASES

_SAID = {"done": "done", "now": "now", "later": "not yet"}


class PhaseSteps:
    """The phases in order, with the current one."""

    def __init__(self) -> None:
        """Build it, in the first phase."""
        self._steps: dict[Phase, tuple[Box, Glyph, Span]] = {}
        with Box("ol", "phases", aria_label="Phase"):
            for phase, word in PHASES.items():
                with Box("li", "phase") as step:
                    glyph = Glyph("minus")
                    Span(word)
                    said = Span("", "for-screen-readers")
                self._steps[phase] = step, glyph, said

    def show(self, current: Phase) -> None:
        """Show that a project is in the phase `current`."""
        order = list(self._steps)
        for index, (phase, (step, glyph, said)) in enumerate(self._steps.items()):
            complete = current is Phase.COMPLETE
            place = (
                "done" if complete or index < order.index(current) else "now" if phase is current else "later"
            )
            if step._props.get("data-place") != place:
                step._props["data-place"] = place
            glyph.show({"done": "check", "now": "right", "later": "minus"}[place])
            said.text = f", {_SAID[place]}"
