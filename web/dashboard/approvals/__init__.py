"""Requests for approval: what agents ask people, and the answers."""
