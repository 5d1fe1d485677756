"""Reads the keys of SSH: the private one to log in with, and the host key that a server must show."""

import base64
from io import StringIO

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa


def private_key(text: str) -> paramiko.PKey:
    """Read a private key: ed25519, ECDSA or RSA, in the PEM of OpenSSH, PKCS #1, PKCS #8 or SEC 1.

    Raises:
        ValueError: it is none, or has a passphrase. The message holds nothing of it.
    """
    data = text.strip().encode() + b"\n"
    load = serialization.load_ssh_private_key if b"BEGIN OPENSSH" in data else serialization.load_pem_private_key
    try:
        key = load(data, password=None)
    except TypeError:
        raise ValueError("it has a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("it is not a private key in PEM") from None
    if isinstance(key, rsa.RSAPrivateKey):
        return paramiko.RSAKey(key=key)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return paramiko.ECDSAKey(vals=(key, key.public_key()))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return paramiko.Ed25519Key(file_obj=StringIO(_openssh(key)))
    raise ValueError("it is of another kind than ed25519, ECDSA and RSA")


def host_key(text: str) -> paramiko.PKey:
    """Read a host key as in a known_hosts file: its kind, a blank, base64.

    Raises:
        ValueError: it is none.
    """
    kind, _, blob = text.partition(" ")
    try:
        key = paramiko.PKey.from_type_string(kind, base64.b64decode(blob, validate=True))
    except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, ValueError, IndexError):
        raise ValueError("it is not a host key") from None
    if key.get_name() != kind:
        raise ValueError("it is not a host key")
    return key


def _openssh(key: ed25519.Ed25519PrivateKey) -> str:
    form = serialization.PrivateFormat.OpenSSH
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
