"""Creations that may be asked for again: their keys, and what tells whether they are the same."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from models.declare import Kind
from resolvers.errors import (
    BadRequest,
)
from resolvers.storage.documents import without_secrets


@dataclass(frozen=True)
class Asked:
    """A creation that may be asked for again: its Idempotency-Key, and what tells whether it is the same."""

    key: str
    digest: str


def digest(path: str, kind: Kind, body: Any) -> str:
    """What tells whether two requests under one Idempotency-Key are the same, their secrets left out."""
    text = json.dumps([path, without_secrets(kind, body)], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def accepted_key(key: str, name: str) -> str:
    """A key as it may be kept; BadRequest, with what it is called, where it may not."""
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise BadRequest(f"{name} has 1 to 255 printable ASCII characters.")
    return key
