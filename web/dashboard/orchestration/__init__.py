"""The tab that shows how a team is run: figures, who has work, and every cycle."""

from recursor.web.dashboard.orchestration.tab import OrchestrationTab

__all__ = ["OrchestrationTab"]
