"""An SSH agent that holds one key, https://datatracker.ietf.org/doc/html/draft-ietf-sshm-ssh-agent."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko


@contextlib.contextmanager
def serving(path: Path, key: paramiko.PKey) -> Iterator[str]:
    """Speak the SSH agent protocol for one key: list it, sign with it."""

    def serve(connection: socket.socket) -> None:
        stream = connection.makefile("rwb")
        while size := stream.read(4):
            request = paramiko.Message(stream.read(int.from_bytes(size, "big")))
            answer = paramiko.Message()
            if request.get_byte() == b"\x0b":  # SSH_AGENTC_REQUEST_IDENTITIES
                answer.add_byte(b"\x0c")
                answer.add_int(1)
                answer.add_string(key.asbytes())
                answer.add_string("test key")
            else:  # SSH_AGENTC_SIGN_REQUEST
                request.get_string()
                answer.add_byte(b"\x0e")
                answer.add_string(key.sign_ssh_data(request.get_string()).asbytes())
            stream.write(len(answer.asbytes()).to_bytes(4, "big") + answer.asbytes())
            stream.flush()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=[connection], daemon=True).start()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        threading.Thread(target=accept, daemon=True).start()
        yield str(path)
