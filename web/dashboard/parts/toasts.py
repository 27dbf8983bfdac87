"""Results of a person's actions, in a corner of the page."""

from nicegui.element import Element


class Toasts(Element, component="toasts.js"):
    """One per page; screen readers read it out."""

    def show(self, text: str, tone: str = "good") -> None:
        """Show a sentence for some seconds; tone is "good" or "bad"."""
        self.run_method("show", text, tone)


class ThemeSwitch(Element, component="theme_switch.js"):
    """Chooses between the system's theme, light and dark; the browser remembers it."""
