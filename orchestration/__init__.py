"""The pure decisions: who has work, in which order, what comes next.

Functions of (snapshot, settings, now). Nothing here does I/O, reads a clock or starts a thread.
"""
