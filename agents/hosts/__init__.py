"""Runs of agents in further processes, whose calls are counted and wait in line in the runner's."""
