"""Secrets that must be kept readable are kept sealed: AES-256-GCM under a key derived from the operator's secret."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12


class Unsealable(Exception):
    """None of the operator's secrets opens the box."""


def seal(plain: bytes, *, purpose: str, secret: str) -> bytes:
    """Nonce and ciphertext of `plain`, bound to `purpose`: a box moved to another place does not open."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(_key(secret)).encrypt(nonce, plain, purpose.encode())


def unseal(box: bytes, *, purpose: str, secrets: list[str]) -> bytes:
    """What `seal` was given, by the first of `secrets` that opens it. Raises Unsealable."""
    for secret in secrets:
        try:
            return AESGCM(_key(secret)).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], purpose.encode())
        except InvalidTag:
            continue
    raise Unsealable(purpose)


def _key(secret: str) -> bytes:
    # HKDF (RFC 5869) suits a secret that is random already, as SECRET_KEY is; a passphrase would want a slow hash.
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"authsite sealing").derive(secret.encode())
