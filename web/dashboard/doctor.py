"""The page of the doctor: what is wrong, and what to do about it."""

from recursor.web.dashboard.page import Page
from recursor.web.dashboard.parts import Box, Empty, Span


def doctor_page(page: Page) -> None:
    """Build the page."""
    page.set_title("Doctor")
    with Box(classes="page-head"):
        Span("Doctor", tag="h1")
    with Box("section", "card", aria_label="Findings"):
        Empty("doctor", "The doctor sees you in a terminal", "It tells what is wrong, and what to do:",
              "recursor doctor")  # fmt: skip
