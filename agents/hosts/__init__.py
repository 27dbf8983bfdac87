"""Agents in further processes, whose model calls are counted and queued by the runner's process."""
