"""For authors of roles that ask a model: `from recursor import models`."""

from recursor.agents.model import prompt_sections
from recursor.agents.model.answer import Answer, Sentences
from recursor.agents.model.context import PromptSection
from recursor.agents.model.mcp import McpServer
from recursor.agents.model.role import ModelRole, Task
from recursor.domain.settings import SCRIPTED

__all__ = [
    "SCRIPTED",
    "Answer",
    "McpServer",
    "ModelRole",
    "PromptSection",
    "Sentences",
    "Task",
    "prompt_sections",
]
