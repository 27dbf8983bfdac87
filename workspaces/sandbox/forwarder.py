"""Runs in a sandbox: forwards connections to a port of the sandbox to a Unix socket, and starts the program.

`python -I -S forwarder.py PORT SOCKET PROGRAM [ARGUMENTS...]`. Clients of models speak HTTP to a port; what
answers them is outside, and cannot listen to a port of the sandbox. It needs the standard library alone.
"""

import os
import socket
import sys

# Connections to the socket at once, which must fit into its queue: a connection that does not is lost.
_AT_ONCE = 100


def main(port: int, path: str, command: list[str]) -> None:
    """Listen, leave the forwarding to another process, and become the program.

    Args:
        port: of the loopback address.
        path: of the Unix socket.
        command: the program and its arguments.
    """
    listener = socket.create_server(("127.0.0.1", port), backlog=128)
    child = os.fork()
    if child == 0:
        # Not a child of the program, which might wait for it.
        if os.fork() == 0:
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDWR)
            for descriptor in range(3):
                os.dup2(nothing, descriptor)
            _forward(listener, path)
        os._exit(0)
    os.waitpid(child, 0)
    listener.close()
    os.execv(command[0], command)


def _forward(listener: socket.socket, path: str) -> None:
    import asyncio  # takes longer than the start of a program should wait

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()

    places = asyncio.Semaphore(_AT_ONCE)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            async with places:
                there, back = await asyncio.open_unix_connection(path)
                ends.append(back)
                await asyncio.gather(copy(reader, back), copy(there, writer))
        except OSError:
            pass  # one side has gone, and the other is told by the end of its connection
        finally:
            for end in ends:
                end.close()

    async def serve() -> None:
        server = await asyncio.start_server(connected, sock=listener)
        await server.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
