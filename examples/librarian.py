"""The researcher of `researcher.py`, who looks things up with the tool of an MCP server instead.

    pip install 'recursor[mcp]'
    cd examples
    export LIBRARY=~/notes
    recursor run --team librarian:team --model openai:gpt-5-mini --idea "recipes for bread" --until-done

The server is `library.py` beside this file. Any other is named the same way, by what starts it or by its URL.
"""

import os
import sys
from pathlib import Path

from researcher import Researcher, detect

from recursor import Dependency, Role, models

LIBRARY = models.McpServer(
    name="library",
    command=(sys.executable, str(Path(__file__).with_name("library.py"))),
    # Nothing else of the server can be used, whatever it offers, now or later.
    tools=("search",),
    # It gets no other variable of ours: no key of a model, above all.
    environment={"LIBRARY": os.environ.get("LIBRARY", "notes")},
    call_seconds=10,
)


class Librarian(Researcher):
    """The agent."""

    tools = (LIBRARY,)


team = Role("researcher", detect, Librarian(), (Dependency("planner"),))
