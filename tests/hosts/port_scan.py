"""Which TCP ports of an address answer, be it that nobody listens there. Any host runs it: python3 - ADDRESS PORT..."""

import asyncio
import sys
from collections.abc import Sequence


async def answers(address: str, port: int, turn: asyncio.Semaphore) -> bool:
    """Tell whether anything comes back within a second."""
    async with turn:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), 1)
        except ConnectionRefusedError:
            return True
        except (OSError, asyncio.TimeoutError):
            return False
        writer.close()
        return True


async def answering(address: str, ports: Sequence[int]) -> set[int]:
    """Return those of the ports that answer."""
    turn = asyncio.Semaphore(400)
    found = await asyncio.gather(*(answers(address, port, turn) for port in ports))
    return {port for port, answered in zip(ports, found) if answered}  # noqa: B905 - of one length


if __name__ == "__main__":
    print(*sorted(asyncio.run(answering(sys.argv[1], list(map(int, sys.argv[2:]))))))  # noqa: T201
