"""The page of a team: what it does now and the controls at the top, and the tabs below."""
