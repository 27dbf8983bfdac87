"""The first page: all teams."""
