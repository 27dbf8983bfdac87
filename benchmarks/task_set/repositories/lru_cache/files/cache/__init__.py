"""A cache in memory."""
