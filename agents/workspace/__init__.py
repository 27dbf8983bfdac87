"""Agents that work on a stack's git repository."""
