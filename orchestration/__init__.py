"""The pure decisions: which roles have work, in which order they run, and what comes next.

Functions of (snapshot, settings, now). Nothing here does I/O, reads a clock or starts a thread.
"""
