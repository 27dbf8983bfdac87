"""A team's git repository: its files, differences, commits and merge queue."""
