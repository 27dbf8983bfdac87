"""The first page: all teams."""

from recursor.web.dashboard.home.overview import home_page

__all__ = ["home_page"]
