"""The page of a team: its current activity and the controls at the top, and the tabs below."""
