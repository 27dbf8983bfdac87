"""The components a page is composed of: a description, a template, and options where it can be told something."""

from recursor.agents.scripted.components.catalogue import COMPONENTS
from recursor.agents.scripted.components.component import Component, Variant
from recursor.agents.scripted.components.options import InputField, Options

__all__ = ["COMPONENTS", "Component", "InputField", "Options", "Variant"]
