"""Whether the runner answers."""

from nicegui.element import Element


class Connection(Element, component="connection.js"):
    """Says when the runner does not answer, and holds the controls until it does. One for a page."""
