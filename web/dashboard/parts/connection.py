"""Whether the runner answers."""

from nicegui.element import Element


class ConnectionNotice(Element, component="connection.js"):
    """Shows when the runner does not answer, and disables the controls until it does. One per page."""
