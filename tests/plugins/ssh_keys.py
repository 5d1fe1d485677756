"""Private keys of each kind in each format that tools write, made anew for each run."""

from __future__ import annotations

import io

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

FORMATS = [
    ("ed25519", PrivateFormat.OpenSSH),
    ("ed25519", PrivateFormat.PKCS8),
    ("ecdsa", PrivateFormat.OpenSSH),
    ("ecdsa", PrivateFormat.PKCS8),
    ("ecdsa", PrivateFormat.TraditionalOpenSSL),
    ("rsa", PrivateFormat.OpenSSH),
    ("rsa", PrivateFormat.PKCS8),
    ("rsa", PrivateFormat.TraditionalOpenSSL),
]
"""Every kind of key with every format that it has."""


def make(kind: str) -> Key:
    """Make a key: `ed25519`, `ecdsa` or `rsa`."""
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ecdsa" else ed25519.Ed25519PrivateKey.generate()


def text_of(key: Key, form: PrivateFormat, passphrase: str | None = None) -> str:
    """Write a key in PEM."""
    encryption = (
        serialization.NoEncryption()
        if passphrase is None
        else serialization.BestAvailableEncryption(passphrase.encode())
    )
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


def for_paramiko(key: Key) -> paramiko.PKey:
    """Return the same key as paramiko takes it."""
    text = io.StringIO(text_of(key, PrivateFormat.OpenSSH))
    if isinstance(key, rsa.RSAPrivateKey):
        return paramiko.RSAKey.from_private_key(text)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return paramiko.ECDSAKey.from_private_key(text)
    return paramiko.Ed25519Key.from_private_key(text)
