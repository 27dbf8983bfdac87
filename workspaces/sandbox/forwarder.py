"""Runs in a sandbox: forwards connections to its ports to Unix sockets, and starts the program.

`python -I -S forwarder.py PORT SOCKET [PORT SOCKET] -- PROGRAM [ARGUMENTS...]`. Clients speak HTTP to a port;
what answers them is outside, and cannot listen to a port of the sandbox. It needs the standard library alone.
"""

import os
import socket
import sys

# Connections to the socket at once, which must fit into its queue: a connection that does not is lost.
_AT_ONCE = 100


def main(paths: dict[int, str], command: list[str]) -> None:
    """Listen, leave the forwarding to another process, and become the program.

    Args:
        paths: of the Unix sockets, by ports of the loopback address.
        command: the program and its arguments.
    """
    listeners = {socket.create_server(("127.0.0.1", port), backlog=128): path for port, path in paths.items()}
    child = os.fork()
    if child == 0:
        # Not a child of the program, which might wait for it.
        if os.fork() == 0:
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDWR)
            for descriptor in range(3):
                os.dup2(nothing, descriptor)
            _forward(listeners)
        os._exit(0)
    os.waitpid(child, 0)
    for listener in listeners:
        listener.close()
    os.execv(command[0], command)


def _forward(listeners: dict[socket.socket, str]) -> None:
    import asyncio  # takes longer than the start of a program should wait

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()

    async def serve(listener: socket.socket, path: str) -> None:
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

        server = await asyncio.start_server(connected, sock=listener)
        await server.serve_forever()

    async def serve_all() -> None:
        await asyncio.gather(*(serve(listener, path) for listener, path in listeners.items()))

    asyncio.run(serve_all())


if __name__ == "__main__":
    end = sys.argv.index("--")
    pairs = sys.argv[1:end]
    main(dict(zip(map(int, pairs[::2]), pairs[1::2], strict=True)), sys.argv[end + 1 :])
