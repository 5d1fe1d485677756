"""Small TCP services on loopback: what a tunnel leads to, and a cable that can be cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

CHUNK = 65536


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def received(connection: socket.socket) -> bytes:
    """Return all that comes until the other side has no more to say."""
    return b"".join(iter(lambda: connection.recv(CHUNK), b""))


@contextlib.contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Answer each connection in a thread of its own, then close it; yield the port."""

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            answer(connection)

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        _accept(listener, serve)
        yield port_of(listener)
        listener.shutdown(socket.SHUT_RDWR)


def echo(connection: socket.socket) -> None:
    """Send everything back as it comes."""
    while data := connection.recv(CHUNK):
        connection.sendall(data)


class Cable:
    """Leads its own `port` to another one, until it is cut."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._plugged = threading.Event()
        self._plugged.set()
        self._ends: list[socket.socket] = []
        self._refusals = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = port_of(self._listener)
        _accept(self._listener, self._carry)

    def cut(self) -> None:
        """Deliver nothing from now on, and tell nobody, as a firewall or a dead switch does."""
        self._plugged.clear()

    def mend(self) -> None:
        """Deliver again, what was sent meanwhile included."""
        self._plugged.set()

    def reset(self) -> None:
        """End all connections there are, as the reboot of a host does."""
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def refuse(self, count: int) -> None:
        """Close the next `count` connections at once, as sshd does when too many log in (MaxStartups)."""
        self._refusals = count

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset()
        self.mend()

    def _carry(self, near: socket.socket) -> None:
        if self._refusals:
            self._refusals -= 1
            near.close()
            return
        far = socket.create_connection(("127.0.0.1", self._target))
        self._ends += [near, far]
        back = threading.Thread(target=self._copy, args=[far, near], daemon=True)
        back.start()
        self._copy(near, far)
        back.join()
        near.close()
        far.close()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                self._plugged.wait()
                sink.sendall(data)
        self._plugged.wait()
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def _accept(listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=[connection], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
