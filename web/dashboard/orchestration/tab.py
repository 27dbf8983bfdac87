"""The Orchestration tab."""

from recursor.web.dashboard.parts import Section, Span
from recursor.web.dashboard.team.tab import Tab


class OrchestrationTab(Tab):
    """Figures, who has work, and every cycle."""

    slug, title, icon = "", "Orchestration", "graph"

    def build(self) -> None:
        """See `Tab.build`."""
        with Section("Statistics"):
            Span("Coming")

    def refresh(self) -> None:
        """See `Tab.refresh`."""
