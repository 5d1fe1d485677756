"""A stand-in for a Prefect server: tells what it was asked, and echoes on web sockets. `upstream.py PORT`."""

import asyncio
import base64
import hashlib
import json
import sys

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""https://www.rfc-editor.org/rfc/rfc6455#section-1.3"""


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection until it is closed."""
    try:
        while True:
            request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            if headers.get("upgrade") == "websocket":
                await echo(reader, writer, headers["sec-websocket-key"])
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            writer.write(answer(request.split()[1], headers, len(body)))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def answer(path: str, headers: dict[str, str], length: int) -> bytes:
    """Tell what was asked; send from a path ending in /slashless to itself with a slash, as Prefect does."""
    if path.endswith("/slashless"):
        place = f"{headers.get('x-forwarded-proto')}://{headers.get('host')}{path}/"
        return f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()
    told = json.dumps({"path": path, "headers": headers, "length": length}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
    """Send every short text frame of a web socket back."""
    accepted = base64.b64encode(hashlib.sha1(f"{key}{MAGIC}".encode()).digest()).decode()  # noqa: S324 - by the standard
    upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    writer.write(f"{upgrade}Sec-WebSocket-Accept: {accepted}\r\n\r\n".encode())
    while True:
        first, length = await reader.readexactly(2)
        mask = await reader.readexactly(4)
        masked = await reader.readexactly(length & 0x7F)
        text = bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked))
        writer.write(bytes([first, len(text)]) + text)
        await writer.drain()


async def main() -> None:
    """Serve for ever."""
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
