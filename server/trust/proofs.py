"""Tokens found good before, so that those who come back are not checked from scratch.

Only what holds for ever is kept: the signature and what the claims say. Whether a token is of this
time is asked each time. Kept by the SHA-256 of the token: about 480 bytes each, and no token lies
in memory. What was refused is never kept.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import NamedTuple

import msgspec

from schemas.codes import Role


class Identity(msgspec.Struct, frozen=True):
    """Somebody known. `room` is the one room the token is good for (None: any).

    `expires_at`: milliseconds since the Unix epoch.
    """

    user: str
    name: str
    role: Role
    room: str | None = None
    expires_at: int = 0


class Proof(NamedTuple):
    """What a good token says; its times in seconds, as the claims have them."""

    identity: Identity
    expires: float
    not_before: float | None


def digest(token: str) -> bytes:
    """Raises UnicodeEncodeError for what cannot be a token."""
    return hashlib.sha256(token.encode("ascii")).digest()


class Proofs:
    """At most `bound`; the one unused longest is forgotten first. 0: none are kept."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._proofs: OrderedDict[bytes, Proof] = OrderedDict()

    def statistics(self) -> dict[str, int]:
        return {"kept": len(self._proofs), "bound": self._bound}

    def find(self, key: bytes) -> Proof | None:
        proof = self._proofs.get(key)
        if proof is not None:
            self._proofs.move_to_end(key)
        return proof

    def keep(self, key: bytes, proof: Proof) -> None:
        self._proofs[key] = proof
        if len(self._proofs) > self._bound:
            self._proofs.popitem(last=False)

    def forget(self, key: bytes) -> None:
        self._proofs.pop(key, None)
