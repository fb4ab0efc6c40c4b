from __future__ import annotations

import base64
import json
import stat
import threading
from pathlib import Path

import jwt
import pytest

from schemas.codes import Role
from server.trust.tokens import BadKey, BadToken, Identity, Tokens, load_key

KEY = "k" * 64
NOW = 1_790_000_000_000
TOKENS = Tokens(KEY)


def claims(**changes: object) -> dict[str, object]:
    full: dict[str, object] = {
        "aud": "miaodan",
        "sub": "u1",
        "name": "Ann",
        "role": "viewer",
        "iat": NOW // 1000,
        "exp": NOW // 1000 + 60,
    }
    full.update(changes)
    return {name: value for name, value in full.items() if value is not None}


def made(changes: dict[str, object] | None = None, key: str = KEY) -> str:
    return jwt.encode(claims(**(changes or {})), key, algorithm="HS256")


def test_signed_and_verified() -> None:
    token = TOKENS.sign("u1", Role.HOST, now=NOW, ttl_ms=60_000, name="Ann", room="r1")
    assert TOKENS.verify(token, NOW) == Identity("u1", "Ann", Role.HOST, "r1", NOW + 60_000)


def test_without_name_and_room() -> None:
    token = TOKENS.sign("u1", Role.VIEWER, now=NOW)
    assert TOKENS.verify(token, NOW) == Identity("u1", "u1", Role.VIEWER, None, NOW + 86_400_000)


def test_expires_to_the_second() -> None:
    token = TOKENS.sign("u1", Role.VIEWER, now=NOW, ttl_ms=10_000)
    assert TOKENS.verify(token, NOW + 9_999).user == "u1"
    with pytest.raises(BadToken, match="has expired"):
        TOKENS.verify(token, NOW + 10_000)


def test_not_before() -> None:
    assert TOKENS.verify(made({"nbf": NOW // 1000}), NOW).user == "u1"
    with pytest.raises(BadToken, match="not valid yet"):
        TOKENS.verify(made({"nbf": NOW // 1000 + 1}), NOW)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "other"}, "[Aa]udience"),
        ({"aud": None}, "aud"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "`sub`"),
        ({"sub": "x" * 129}, "`sub`"),
        ({"exp": None}, "exp"),
        ({"exp": "soon"}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": 1e300}, "exp"),
        ({"nbf": "soon"}, "nbf"),
        ({"role": "king"}, "`role`"),
        ({"role": 7}, "`role`"),
        ({"role": ["host"]}, "`role`"),
        ({"role": "guest"}, "guest"),
        ({"room": "a b"}, "`room`"),
        ({"room": ""}, "`room`"),
        ({"room": 7}, "`room`"),
        ({"name": 7}, "`name`"),
    ],
)
def test_bad_claims(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(BadToken, match=reason):
        TOKENS.verify(made(changes), NOW)


def test_wrong_key() -> None:
    with pytest.raises(BadToken, match=r"[Ss]ignature"):
        TOKENS.verify(made(key="z" * 64), NOW)


def test_other_algorithms_are_refused() -> None:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    for name in ("none", "None", "NONE"):
        with pytest.raises(BadToken):
            TOKENS.verify(f"{part({'alg': name, 'typ': 'JWT'})}.{part(claims())}.", NOW)
    with pytest.raises(BadToken):
        TOKENS.verify(jwt.encode(claims(), KEY, algorithm="HS512"), NOW)


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b.c", "\x00", "é" * 20, "e30.e30.", "[" * 3000, "\ud800.a.b"]
)
def test_rubbish(token: str) -> None:
    with pytest.raises(BadToken):
        TOKENS.verify(token, NOW)


def test_a_long_name_is_cut_and_a_missing_role_is_the_least() -> None:
    identity = TOKENS.verify(made({"name": "n" * 100, "role": None}), NOW)
    assert len(identity.name) == 64
    assert identity.role is Role.VIEWER


def test_of_a_name_others_see_what_can_be_seen() -> None:
    family = "👨\u200d👩\u200d👧"
    assert TOKENS.verify(made({"name": f"\u202eAnn\x07 {family}\n"}), NOW).name == f"Ann {family}"
    assert TOKENS.verify(made({"name": "\u200b" * 70 + "n" * 70}), NOW).name == "n" * 64
    assert TOKENS.verify(made({"name": "n" * 62 + family}), NOW).name == "n" * 62 + "👨"
    assert TOKENS.verify(made({"name": "\u200b", "sub": "u1"}), NOW).name == "u1"
    assert TOKENS.verify(made({"name": None, "sub": "x" * 128}), NOW).name == "x" * 64
    with pytest.raises(BadToken, match="`name` and `sub`"):
        TOKENS.verify(made({"name": None, "sub": "\u200b"}), NOW)
    signed = TOKENS.sign("u1", Role.VIEWER, now=NOW, name="A\u200bnn")
    assert TOKENS.verify(signed, NOW).name == "Ann"
    for user, name, wrong in (("u1", "\u2060", "name"), ("\u2060", None, "id")):
        with pytest.raises(ValueError, match=f"seen in the user's {wrong}"):
            TOKENS.sign(user, Role.VIEWER, now=NOW, name=name)


def test_sign_makes_only_what_verify_takes() -> None:
    for user, role, room, ttl in (
        ("", Role.VIEWER, None, 1_000),
        ("u" * 129, Role.VIEWER, None, 1_000),
        ("u", Role.GUEST, None, 1_000),
        ("u", Role.VIEWER, "a/b", 1_000),
        ("u", Role.VIEWER, None, 999),
    ):
        with pytest.raises(ValueError, match=r"user id|guest|room id|one second"):
            TOKENS.sign(user, role, now=NOW, ttl_ms=ttl, room=room)


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    keys: list[str] = []
    threads = [threading.Thread(target=lambda: keys.append(load_key(data))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert len(keys[0]) >= 64
    file = data / "token.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == keys[0] + "\n"
    assert [entry.name for entry in data.iterdir()] == ["token.key"]


def test_a_key_file_of_the_operators_own(tmp_path: Path) -> None:
    (tmp_path / "token.key").write_text("  my own secret of some length, long enough \r\n")
    assert load_key(tmp_path) == "my own secret of some length, long enough"


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines\n", b"\xff\xfe"])
def test_an_unusable_key_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token.key").write_bytes(content)
    with pytest.raises(BadKey, match=r"token\.key"):
        load_key(tmp_path)
