"""A small MCP server: it finds lines in the text files of the directory that the variable LIBRARY names."""

import os
from pathlib import Path

from mcp.server import MCPServer

server = MCPServer("library", log_level="ERROR")


@server.tool()
def search(word: str) -> list[str]:
    """Return the lines that have a word in them, each with the name of its file."""
    return [
        f"{text.name}: {line.strip()}"
        for text in sorted(Path(os.environ["LIBRARY"]).glob("*.txt"))
        for line in text.read_text(encoding="utf-8", errors="replace").splitlines()
        if word.casefold() in line.casefold()
    ]


@server.tool()
def burn(file: str) -> str:
    """Remove a file."""
    (Path(os.environ["LIBRARY"]) / Path(file).name).unlink()
    return f"{file} is gone."


if __name__ == "__main__":
    server.run("stdio")
