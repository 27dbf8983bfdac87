"""The dashboard: pages that show every team, and controls for it.

Each open page is a small program on the server (NiceGUI) that reads the store, asks the orchestrator, and
follows the events; the browser only displays.
"""

from recursor.web.dashboard.mounting import mount_dashboard

__all__ = ["mount_dashboard"]
