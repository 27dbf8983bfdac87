"""The tab that shows how a team is run: figures, who has work, and every cycle."""
