"""The components a page is composed of: one record in `catalogue`, one template beside it."""

from recursor.agents.scripted.components.catalogue import COMPONENTS
from recursor.agents.scripted.components.component import Component, InputField, Options, Variant

__all__ = ["COMPONENTS", "Component", "InputField", "Options", "Variant"]
