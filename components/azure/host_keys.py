"""SSH host keys that are known before there is a host, so that already the first connection is verified.

All come from one secret seed: the same stack file gives the same keys on every run, and Pulumi has nothing to remember.
Ed25519 takes any 32 bytes for a private key, https://www.rfc-editor.org/rfc/rfc8032#section-5.1.5; those are derived by
HKDF, https://www.rfc-editor.org/rfc/rfc5869, so that whoever reads one host's key learns nothing of the others.
"""

import base64
import struct
import textwrap

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SEED = r"[0-9a-f]{64}"
"""32 random bytes as hexadecimal digits."""
_TYPE = b"ssh-ed25519"
_BLOCK = 8


def private_key(seed: str, stack: str, host: str) -> str:
    """Return the private key of a stack's host as sshd reads it, the same text each time.

    cryptography's own writer puts chance into it, which would be a change in every preview. The format:
    https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key
    """
    secret, public = _key(seed, stack, host)
    check_numbers = bytes(8)
    fields = check_numbers + _string(_TYPE) + _string(public) + _string(secret + public) + _string(b"")
    padding = bytes(range(1, 1 + -len(fields) % _BLOCK))
    no_encryption = _string(b"none") + _string(b"none") + _string(b"")
    whole = b"openssh-key-v1\0" + no_encryption + struct.pack(">I", 1) + _string(_public(public))
    text = base64.b64encode(whole + _string(fields + padding)).decode()
    lines = "\n".join(textwrap.wrap(text, 70))
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{lines}\n-----END OPENSSH PRIVATE KEY-----\n"


def public_key(seed: str, stack: str, host: str) -> str:
    """Return the public key of a stack's host, `ssh-ed25519 AAAA...`."""
    _, public = _key(seed, stack, host)
    return f"{_TYPE.decode()} {base64.b64encode(_public(public)).decode()}"


def _key(seed: str, stack: str, host: str) -> tuple[bytes, bytes]:
    purpose = f"ssh host key of {stack}/{host}".encode()
    secret = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose).derive(bytes.fromhex(seed))
    return secret, Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def _public(public: bytes) -> bytes:
    return _string(_TYPE) + _string(public)


def _string(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content
