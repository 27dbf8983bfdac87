"""The git repositories that stacks work on, on disk, and the sandbox for what runs in them.

This room knows no agent, no actor and no store. It needs the extra `workspaces`.
"""
