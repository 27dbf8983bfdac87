"""What came of what a person did, in a corner of the page."""

from nicegui.element import Element


class Toasts(Element, component="toasts.js"):
    """One for a page; screen readers read out what it shows."""

    def show(self, text: str, tone: str = "good") -> None:
        """Show a sentence for some seconds; tone is "good" or "bad"."""
        self.run_method("show", text, tone)


class ThemeSwitch(Element, component="theme_switch.js"):
    """Chooses between the system's theme, light and dark; the browser remembers it."""
