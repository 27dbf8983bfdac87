"""The parts of pages. Each shows its data as text, never as HTML."""

from recursor.web.dashboard.parts.anchor import Anchor
from recursor.web.dashboard.parts.boxes import Box, CommandText, Empty, Notice, Section, Span
from recursor.web.dashboard.parts.button import Button
from recursor.web.dashboard.parts.chart import Chart, Series
from recursor.web.dashboard.parts.connection import ConnectionNotice
from recursor.web.dashboard.parts.field import Field
from recursor.web.dashboard.parts.glyph import Badge, Glyph
from recursor.web.dashboard.parts.modal import Modal
from recursor.web.dashboard.parts.moment import Moment
from recursor.web.dashboard.parts.pager import Pager
from recursor.web.dashboard.parts.segments import Segments
from recursor.web.dashboard.parts.toasts import Toasts
from recursor.web.dashboard.parts.unsaved import Unsaved

__all__ = [
    "Badge",
    "Box",
    "Button",
    "Chart",
    "CommandText",
    "ConnectionNotice",
    "Empty",
    "Field",
    "Glyph",
    "Anchor",
    "Modal",
    "Moment",
    "Notice",
    "Pager",
    "Section",
    "Segments",
    "Series",
    "Span",
    "Toasts",
    "Unsaved",
]
