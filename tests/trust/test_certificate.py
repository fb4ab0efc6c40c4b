from __future__ import annotations

from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from server.trust.certificate import BadCertificate, check_certificate


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate with its chain, and its key."""
    return written(tmp_path_factory.mktemp("pair"))


def written(directory: Path) -> tuple[Path, Path]:
    issued = trustme.CA().issue_cert("shop.example")
    chain, key = directory / "chain.pem", directory / "key.pem"
    for part in issued.cert_chain_pems:
        part.write_to_path(chain, append=True)
    issued.private_key_pem.write_to_path(key)
    return chain, key


def test_a_pair_serves_and_none_is_no_tls(pair: tuple[Path, Path]) -> None:
    check_certificate(str(pair[0]), str(pair[1]))
    check_certificate("", "")


def refused(certfile: Path, keyfile: Path) -> BadCertificate:
    with pytest.raises(BadCertificate) as raised:
        check_certificate(str(certfile), str(keyfile))
    return raised.value


def test_files_that_are_not_there(pair: tuple[Path, Path], tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    assert str(refused(missing, pair[1])) == f"{missing}: No such file or directory"
    assert refused(missing, pair[1]).setting == "ssl_certfile"
    assert refused(pair[0], missing).setting == "ssl_keyfile"
    assert refused(pair[0], tmp_path).reason == "Is a directory"


def test_files_that_hold_something_else(pair: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    for content in (b"", b"nonsense", bytes(range(256))):
        other.write_bytes(content)
        error = refused(other, pair[1])
        assert (error.setting, error.reason) == ("ssl_certfile", "holds no certificate in PEM")
        error = refused(pair[0], other)
        assert (error.setting, error.reason) == ("ssl_keyfile", "holds no private key in PEM")
    assert refused(pair[1], pair[1]).setting == "ssl_certfile"


def test_the_key_of_another_certificate(pair: tuple[Path, Path], tmp_path: Path) -> None:
    _, key = written(tmp_path)
    assert str(refused(pair[0], key)) == f"{key}: is not the key of {pair[0]}"


def test_a_key_with_a_password(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """Nobody is there to type it."""
    locked = tmp_path / "locked.pem"
    key = serialization.load_pem_private_key(pair[1].read_bytes(), None)
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    assert refused(pair[0], locked).reason == "needs a password; store the key without one"
