"""The gateway to models for agents with a client of their own: they get no key, and every call is counted."""
