"""The dashboard: pages on which a person sees what every team does, and steers it.

Each open page is a small program on the server (NiceGUI) that reads the store, asks the orchestrator, and
follows the events; the browser only shows what it is told.
"""

from recursor.web.dashboard.mounting import mount_dashboard

__all__ = ["mount_dashboard"]
