"""Digests of secrets that are random already, so that a fast one-way function is enough."""

import hashlib


def digest(secret: str) -> bytes:
    """SHA-256 of the secret's UTF-8; a lone surrogate, which no secret of ours holds, becomes a question mark."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
