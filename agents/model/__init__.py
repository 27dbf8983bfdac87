"""Asking language models: within budgets and limits, and with nothing left behind."""
