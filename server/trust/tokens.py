"""Who somebody is: JSON Web Tokens signed with the key of this installation (RFC 7519, HS256).

Claims: `aud` = `miaodan`, `sub` (user id), `name`, `role`, `room` (absent: any), `iat`, `exp`.
"""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from pathlib import Path

import jwt

from schemas.codes import Role
from server.trust.metrics import TOKENS
from server.trust.proofs import Identity, Proof, Proofs, digest
from server.trust.shown_text import shown_text

__all__ = ["BadKey", "BadToken", "Identity", "Tokens", "load_key", "shown_name"]

AUDIENCE = "miaodan"
ALGORITHM = "HS256"
KEY_FILE = "token.key"
WEBHOOK_KEY_FILE = "webhook.key"
"""Signs the payment provider's notices."""
PROVIDER_KEY_FILE = "provider.key"
"""Shown to the payment provider."""
MAX_USER = 128
MAX_NAME = 64
REMEMBERED = 20_000
"""Good tokens a process remembers: as many as it has connections by default."""
_ROOM = re.compile(r"[A-Za-z0-9_-]{1,64}")


class BadToken(Exception):
    """A token that proves nothing. `reason` is a sentence that is safe to tell its bearer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class BadKey(Exception):
    """The key file cannot serve: `path`, `reason`."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def load_key(data_dir: Path, file: str = KEY_FILE) -> str:
    """The secret in `<data_dir>/<file>`, made (mode 0600) when absent. Raises BadKey.

    Any number of processes may ask at once: the first one's key is everybody's.
    """
    path = data_dir / file
    try:
        if not path.exists():
            _make_key(path)
        key = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadKey(path, f"cannot be read or made: {error}") from error
    if not key or "\n" in key:
        raise BadKey(path, "must hold the secret as one line of text")
    return key


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".token.")  # mkstemp: 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
    finally:
        Path(draft).unlink()


class Tokens:
    """Signs and verifies. Reads no clock: `now` is milliseconds since the Unix epoch."""

    def __init__(self, key: str, remembered: int = REMEMBERED) -> None:
        self._key = key
        self._proofs = Proofs(remembered)

    def statistics(self) -> dict[str, int]:
        """Good tokens remembered, beside their bound."""
        return self._proofs.statistics()

    def sign(
        self,
        user: str,
        role: Role,
        *,
        now: int,
        ttl_ms: int = 86_400_000,
        name: str | None = None,
        room: str | None = None,
    ) -> str:
        """A token for `user`. Raises ValueError for what `verify` would not accept."""
        if not 1 <= len(user) <= MAX_USER:
            raise ValueError(f"a user id has 1 to {MAX_USER} characters")
        if not _is_unicode(user) or not _is_unicode(name or ""):
            raise ValueError("a user's id and name are valid Unicode")
        shown = shown_name(name) if name else shown_name(user)
        if not shown:
            raise ValueError(f"nothing can be seen in the user's {'name' if name else 'id'}")
        if role is Role.GUEST:
            raise ValueError("a guest has no token")
        if room is not None and not _ROOM.fullmatch(room):
            raise ValueError("a room id has 1 to 64 letters, digits, `_` or `-`")
        if ttl_ms < 1_000:
            raise ValueError("a token lives at least one second")
        claims: dict[str, object] = {
            "aud": AUDIENCE,
            "sub": user,
            "name": shown,
            "role": role.value,
            "iat": now // 1000,
            "exp": (now + ttl_ms) // 1000,
        }
        if room is not None:
            claims["room"] = room
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)

    def verify(self, token: str, now: int) -> Identity:
        """Whose token it is. Raises BadToken."""
        try:
            key = digest(token)
            proof = self._proofs.find(key)
            known = proof is not None
            if proof is None:
                proof = self._prove(token)
            _check_time(proof, now)
        except UnicodeEncodeError:
            TOKENS.add("refused")
            raise BadToken("the token is not valid: not ASCII") from None
        except BadToken:
            TOKENS.add("refused")
            self._proofs.forget(key)
            raise
        TOKENS.add("remembered" if known else "verified")
        if not known:
            self._proofs.keep(key, proof)
        return proof.identity

    def _prove(self, token: str) -> Proof:
        """What the token says, once its signature is found good. Raises BadToken."""
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                options={
                    "require": ["aud", "sub", "exp"],
                    # Against `now`, in `verify`, not against a clock of the library's own.
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
            raise BadToken(f"the token is not valid: {error}") from error
        expires = _seconds(claims, "exp")
        identity = Identity(
            user=_text(claims, "sub", MAX_USER),
            name=_name(claims),
            role=_role(claims),
            room=_room(claims),
            expires_at=int(expires * 1000),
        )
        return Proof(identity, expires, _seconds(claims, "nbf") if "nbf" in claims else None)


def _check_time(proof: Proof, now: int) -> None:
    if now >= proof.expires * 1000:
        raise BadToken("the token has expired")
    if proof.not_before is not None and now < proof.not_before * 1000:
        raise BadToken("the token is not valid yet")


def _seconds(claims: dict[str, object], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise BadToken(f"the token's `{name}` is not a time")
    return value


def _text(claims: dict[str, object], name: str, longest: int) -> str:
    value = claims[name]
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise BadToken(f"the token's `{name}` is not 1 to {longest} characters")
    if not _is_unicode(value):
        raise BadToken(f"the token's `{name}` is not valid Unicode")
    return value


def _name(claims: dict[str, object]) -> str:
    """What others see: of the name what can be seen, else of the user's id."""
    name = shown_name(_text(claims, "name", 10 * MAX_NAME)) if claims.get("name") else ""
    name = name or shown_name(_text(claims, "sub", MAX_USER))
    if not name:
        raise BadToken("nothing can be seen in the token's `name` and `sub`")
    return name


def shown_name(name: str) -> str:
    """A name as others see it, at most `MAX_NAME` characters; empty where nothing in it can be seen."""
    return shown_text(shown_text(name)[:MAX_NAME])


def _is_unicode(text: str) -> bool:
    """Whether it can be written as UTF-8: no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _role(claims: dict[str, object]) -> Role:
    try:
        role = Role(claims.get("role", Role.VIEWER))
    except ValueError:
        raise BadToken("the token's `role` is not viewer, moderator, host or operator") from None
    if role is Role.GUEST:
        raise BadToken("a guest has no token")
    return role


def _room(claims: dict[str, object]) -> str | None:
    room = claims.get("room")
    if room is None:
        return None
    if not isinstance(room, str) or not _ROOM.fullmatch(room):
        raise BadToken("the token's `room` is not a room id")
    return room
