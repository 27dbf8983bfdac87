"""Reads logs."""
