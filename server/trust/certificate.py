"""Whether a certificate and its key can serve TLS, said before anything is started."""

from __future__ import annotations

import ssl
from pathlib import Path


class BadCertificate(Exception):
    """`setting` (`ssl_certfile` or `ssl_keyfile`), its `file`, and the `reason` why it cannot be used."""

    def __init__(self, setting: str, file: str, reason: str) -> None:
        super().__init__(setting, file, reason)
        self.setting = setting
        self.file = file
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


def check_certificate(certfile: str, keyfile: str) -> None:
    """Both empty (no TLS) or both usable, and of one pair. Raises BadCertificate."""
    if not certfile and not keyfile:
        return
    for setting, file in (("ssl_certfile", certfile), ("ssl_keyfile", keyfile)):
        try:
            Path(file).read_bytes()
        except OSError as error:
            raise BadCertificate(setting, file, error.strerror or str(error)) from error
    _load(certfile, keyfile)


def _load(certfile: str, keyfile: str) -> None:
    """OpenSSL reads the certificate first, and does not say which of the two files it did not like."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(certfile)
    except ssl.SSLError as error:
        raise BadCertificate("ssl_certfile", certfile, "holds no certificate in PEM") from error
    encrypted = False

    def password() -> str:
        nonlocal encrypted
        encrypted = True
        return ""

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certfile, keyfile, password)
    except ssl.SSLError as error:
        if encrypted:
            reason = "needs a password; store the key without one"
        elif error.reason == "KEY_VALUES_MISMATCH":
            reason = f"is not the key of {certfile}"
        else:
            reason = "holds no private key in PEM"
        raise BadCertificate("ssl_keyfile", keyfile, reason) from error
