"""How `serve` runs the sandbox: whom it tells, with which keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.processes.pretended import sandbox_options, webhook_url
from server.settings import PaymentSettings, ServerSettings, Settings
from server.trust.tokens import load_key


@pytest.mark.parametrize(
    ("host", "tls", "url"),
    [
        ("127.0.0.1", False, "http://127.0.0.1:8460"),
        ("0.0.0.0", False, "http://127.0.0.1:8460"),
        ("::", True, "https://[::1]:8460"),
        ("fe80::1", False, "http://[fe80::1]:8460"),
        ("192.0.2.7", True, "https://192.0.2.7:8460"),
    ],
)
def test_whom_it_tells(host: str, tls: bool, url: str) -> None:
    assert webhook_url(host, 8460, tls=tls) == f"{url}/api/v1/payments/webhook"


def test_keys_are_made_set_or_given(tmp_path: Path) -> None:
    server = ServerSettings(data_dir=str(tmp_path))
    made = sandbox_options(Settings(server=server), "")
    assert made.api_key == load_key(tmp_path, "provider.key") != made.webhook_secret
    assert made.webhook_secret == load_key(tmp_path, "webhook.key")
    assert (made.book, made.latency_ms) == (tmp_path / "sandbox.db", 50)

    payments = PaymentSettings(provider_key="k", webhook_secret="s", sandbox_latency_ms=3)
    settings = Settings(server=server, payments=payments)
    chosen = sandbox_options(settings, "http://shop")
    assert (chosen.api_key, chosen.webhook_secret, chosen.latency_ms) == ("k", "s", 3)

    (tmp_path / "other.key").write_text("from a file\n")
    given = sandbox_options(settings, "", key_file=tmp_path / "other.key", secret_file=tmp_path / "new.key")
    assert given.api_key == "from a file"
    assert given.webhook_secret == (tmp_path / "new.key").read_text().strip()
