"""The tab of a team's orchestration: figures, work status, and every cycle."""
