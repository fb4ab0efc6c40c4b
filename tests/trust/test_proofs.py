from __future__ import annotations

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codes import Role
from server.trust.proofs import Identity, Proof, Proofs, digest
from server.trust.tokens import BadToken, Tokens

NOW = 1_790_000_000_000
KEY = "k" * 64


def proof(user: str) -> Proof:
    return Proof(Identity(user, user, Role.VIEWER), 1.0, None)


@given(st.lists(st.integers(0, 20), max_size=100), st.integers(0, 8))
def test_the_one_unused_longest_goes_first(uses: list[int], bound: int) -> None:
    proofs, recent = Proofs(bound), list[int]()
    for user in uses:
        key = digest(str(user))
        assert (proofs.find(key) is not None) == (user in recent[-bound:] if bound else False)
        if proofs.find(key) is None:
            proofs.keep(key, proof(str(user)))
        recent = [other for other in recent if other != user] + [user]
        assert proofs.statistics() == {"kept": min(len(recent), bound), "bound": bound}


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Tokens whose signature was computed."""
    seen: list[str] = []
    decode = jwt.decode

    def counted(token: str, *args: object, **options: object) -> object:
        seen.append(token)
        return decode(token, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(jwt, "decode", counted)
    return seen


def test_a_token_is_proven_once_and_its_time_is_asked_each_time(checked: list[str]) -> None:
    tokens = Tokens(KEY)
    token = tokens.sign("u", Role.VIEWER, now=NOW, ttl_ms=10_000)
    assert {tokens.verify(token, NOW + after).user for after in (0, 5_000, 9_999)} == {"u"}
    assert checked == [token] and tokens.statistics()["kept"] == 1
    for _ in range(2):
        with pytest.raises(BadToken, match="has expired"):
            tokens.verify(token, NOW + 10_000)
    assert tokens.statistics()["kept"] == 0


def test_a_token_that_is_not_valid_yet_is_not_kept(checked: list[str]) -> None:
    claims = {"aud": "miaodan", "sub": "u", "exp": NOW // 1000 + 60, "nbf": NOW // 1000 + 1}
    token = jwt.encode(claims, KEY, algorithm="HS256")
    tokens = Tokens(KEY)
    with pytest.raises(BadToken, match="not valid yet"):
        tokens.verify(token, NOW)
    assert tokens.statistics()["kept"] == 0
    assert tokens.verify(token, NOW + 1_000).user == "u"


@pytest.mark.parametrize("damage", ["{}x", "x{}", "é{}"])
def test_what_is_refused_is_never_kept(checked: list[str], damage: str) -> None:
    tokens = Tokens(KEY)
    token = tokens.sign("u", Role.VIEWER, now=NOW)
    tokens.verify(token, NOW)
    for _ in range(2):
        with pytest.raises(BadToken):
            tokens.verify(damage.format(token), NOW)
    assert tokens.statistics()["kept"] == 1 and tokens.verify(token, NOW).user == "u"
