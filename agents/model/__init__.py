"""Calls of language models, within budgets and rate limits."""
