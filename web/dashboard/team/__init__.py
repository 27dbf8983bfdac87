"""The page of a team: what it does now and the controls at the top, and the tabs below."""

from recursor.web.dashboard.team.view import team_page

__all__ = ["team_page"]
