"""`websockets.broadcast`, on uvloop."""

from __future__ import annotations

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

viewers: set[ServerConnection] = set()


async def handle(connection: ServerConnection) -> None:
    if connection.request is not None and connection.request.path == "/publish":
        async for message in connection:
            broadcast(viewers, message)
        return
    viewers.add(connection)
    try:
        await connection.wait_closed()
    finally:
        viewers.discard(connection)


async def main() -> None:
    async with serve(handle, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        print(f"listening on {server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
