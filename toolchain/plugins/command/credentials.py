"""Reads the keys of a connection."""

from __future__ import annotations

import io
import os
import socket

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from paramiko.agent import AgentSSH
from paramiko.pkey import PublicBlob

from toolchain.plugins.provider import ProviderError

_KEY_CLASSES: list[type[paramiko.PKey]] = [paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey]


def host_key(text: str) -> PublicBlob:
    """Read a pinned host key, one line as in authorized_keys.

    Raises:
        ProviderError: it is not one.
    """
    try:
        return PublicBlob.from_string(text)
    except (ValueError, paramiko.SSHException) as error:
        raise ProviderError("failed to parse host key: ssh: no key found") from error


def private_key(text: str, passphrase: str | None) -> paramiko.PKey:
    """Read a private key in the PEM of OpenSSH, PKCS #1, PKCS #8 or SEC 1.

    Raises:
        ProviderError: it cannot be read, needs a passphrase, or the passphrase is wrong. Tells nothing of the key.
    """
    try:
        key = _load(text, None)
    except paramiko.PasswordRequiredException as error:
        if passphrase is None:
            raise ProviderError("ssh: this private key is passphrase protected") from error
        key = _load(text, passphrase)
        if key is None:
            raise ProviderError("x509: decryption password incorrect") from None
        return key
    if key is None:
        is_pem = "PRIVATE KEY-----" in text
        raise ProviderError("ssh: invalid openssh private key format" if is_pem else "ssh: no key found")
    if passphrase is not None:
        raise ProviderError("ssh: not an encrypted key")
    return key


def _load(text: str, passphrase: str | None) -> paramiko.PKey | None:
    if "BEGIN PRIVATE KEY" in text:
        text = _openssh(text)
    read = (_load_as(key_class, text, passphrase) for key_class in _KEY_CLASSES)
    return next((key for key in read if key is not None), None)


def _load_as(key_class: type[paramiko.PKey], text: str, passphrase: str | None) -> paramiko.PKey | None:
    try:
        return key_class.from_private_key(io.StringIO(text), passphrase)
    except paramiko.PasswordRequiredException:
        raise
    except (paramiko.SSHException, ValueError):
        return None


def _openssh(text: str) -> str:
    """Turn PKCS #8, which paramiko does not read, into what it does."""
    try:
        key = serialization.load_pem_private_key(text.encode(), None)
        form = serialization.PrivateFormat.OpenSSH
        return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
    except (ValueError, UnsupportedAlgorithm):
        return text


def agent_keys(path: str) -> list[paramiko.PKey]:
    """List the keys of the SSH agent that listens on a Unix socket.

    Raises:
        ProviderError: nobody listens there.
    """
    try:
        return list(_Agent(path).get_keys())
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise ProviderError(f"dial unix {path}: connect: {reason}") from error


class _Agent(AgentSSH):
    """An agent at a path of our choice; paramiko's own looks only at SSH_AUTH_SOCK."""

    def __init__(self, path: str) -> None:
        super().__init__()
        link = socket.socket(socket.AF_UNIX)
        link.connect(path)
        self._connect(link)  # type: ignore[attr-defined] # not in the type stubs
