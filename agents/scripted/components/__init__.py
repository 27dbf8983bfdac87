"""The components of pages: each a description, a template, and options if it has any."""

from recursor.agents.scripted.components.catalogue import COMPONENTS
from recursor.agents.scripted.components.component import Component, Variant
from recursor.agents.scripted.components.options import InputField, Options

__all__ = ["COMPONENTS", "Component", "InputField", "Options", "Variant"]
