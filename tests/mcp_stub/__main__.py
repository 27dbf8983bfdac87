"""Serve by standard input and output, or with --http on a port of its own, which is printed.

It is run by its path, `python .../tests/mcp_stub/__main__.py`, because a server has its own surroundings.
"""

import argparse
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

parser = argparse.ArgumentParser(prog="mcp_stub")
parser.add_argument("--http", action="store_true", help="speak streamable HTTP")
parser.add_argument("--pids", type=Path, help="a directory that gets a file by the name of each process")
parser.add_argument("--deaf", action="store_true", help="do not end when the input does")
given = parser.parse_args()
server = MCPServer("stub", log_level="ERROR")


@server.tool()
def look_up(word: str) -> str:
    """Tell what a word means."""
    return f"{word} is a word."


@server.tool()
def surroundings() -> str:
    """Tell which environment variables there are."""
    return "\n".join(f"{name}={value}" for name, value in os.environ.items())


@server.tool()
def fail(word: str) -> str:
    """Fail."""
    raise ToolError(f"nothing is known of {word}")


@server.tool()
async def hang() -> str:
    """Answer never."""
    await anyio.sleep_forever()
    return ""


@server.tool()
def flood(characters: int) -> str:
    """Answer at length."""
    return "x" * characters


@server.tool()
def die() -> str:
    """End in the middle of the call."""
    sys.stderr.write("the disk of the words is gone\n")
    sys.stderr.flush()
    os._exit(3)


def note(process: int) -> None:
    if given.pids is not None:
        (given.pids / str(process)).touch()


note(os.getpid())
if given.deaf:
    # It has a child that does not care either, as servers have that are started by a script.
    child = subprocess.Popen(["sleep", "3600"], stdin=subprocess.DEVNULL)
    note(child.pid)
    threading.Thread(target=time.sleep, args=(3600,)).start()
if given.http:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sys.stdout.write(f"http://127.0.0.1:{port}/mcp\n")
    sys.stdout.flush()
    server.run("streamable-http", host="127.0.0.1", port=port)
else:
    server.run("stdio")
