from __future__ import annotations

import inspect
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.settings import LimitSettings, ServerSettings, Settings, SettingsError, all_settings, load

NAMES = [f"{setting.section}.{setting.key}" for setting in all_settings()]
INTEGERS = [
    "rooms.log_length",
    "rooms.chat_queue",
    "orders.batch",
    "orders.hold_ms",
    "gateway.sockets_per_user",
]


def written(text: str, directory: Path) -> Path:
    file = directory / "miaodan.toml"
    file.write_text(text, "utf-8")
    return file


def value_of(settings: Settings, name: str) -> object:
    section, _, key = name.partition(".")
    return getattr(getattr(settings, section), key)


def test_nothing_given_is_the_defaults() -> None:
    assert load() == Settings()
    assert load(environ={"PATH": "/bin", "MIAODAN_HOME": "x", "OTHER__KEY": "1"}) == Settings()
    assert value_of(load(), "server.port") == 8460


LAYER = st.dictionaries(st.sampled_from(INTEGERS), st.integers(1, 10**6))


@given(in_file=LAYER, in_environment=LAYER, in_flags=LAYER)
def test_flags_over_environment_over_file_over_defaults(
    in_file: dict[str, int], in_environment: dict[str, int], in_flags: dict[str, int]
) -> None:
    text = "\n".join(f"{name} = {value}" for name, value in in_file.items())
    environ = {
        f"MIAODAN_{name.replace('.', '__').upper()}": str(value) for name, value in in_environment.items()
    }
    with tempfile.TemporaryDirectory() as directory:
        settings = load(written(text, Path(directory)), environ, {**dict.fromkeys(INTEGERS), **in_flags})
    for name in NAMES:
        default = value_of(Settings(), name)
        expected = in_flags.get(name, in_environment.get(name, in_file.get(name, default)))
        assert value_of(settings, name) == expected


def test_every_kind_of_value_from_the_environment() -> None:
    settings = load(
        environ={
            "MIAODAN_SERVER__DATA_DIR": "123",
            "MIAODAN_SERVER__DEMO": "true",
            "MIAODAN_SERVER__ALLOWED_ORIGINS": "https://a.example, https://b.example",
            "MIAODAN_LIMITS__DANMAKU_PER_SECOND": "0.5",
            "MIAODAN_LIMITS__ORDERS_PER_SECOND": "7",
            "MIAODAN_DANMAKU__BLOCKED_WORDS": '["a, b", "c"]',
            "MIAODAN_SERVER__REDIS_URL": "",
        }
    )
    assert settings.server.data_dir == "123"
    assert settings.server.demo is True
    assert settings.server.allowed_origins == ["https://a.example", "https://b.example"]
    assert settings.limits == LimitSettings(danmaku_per_second=0.5, orders_per_second=7.0)
    assert settings.danmaku.blocked_words == ["a, b", "c"]


def test_every_kind_of_value_from_a_file(tmp_path: Path) -> None:
    text = (
        '[server]\nport = 0\nlog_format = "json"\nallowed_origins = ["*"]\n[limits]\nlikes_per_second = 3\n'
    )
    settings = load(written(text, tmp_path))
    assert settings.server == ServerSettings(port=0, log_format="json", allowed_origins=["*"])
    assert settings.limits.likes_per_second == 3.0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[orders]\nbacth = 1",
            r"miaodan\.toml: orders\.bacth is not a setting \(did you mean orders\.batch\?\)",
        ),
        ("[wrong]\nzzzzz = 1", r"miaodan\.toml: wrong\.zzzzz is not a setting$"),
        ("port = 1", r"miaodan\.toml: port stands outside of any \[section\]"),
        ("[server]\nport = '1'", r"miaodan\.toml: server\.port: Expected `int`, got `str`"),
        ("[server]\nport = 70000", r"server\.port: Expected `int` <= 65535"),
        ("[server]\nworkers = 0", r"server\.workers: Expected `int` >= 1"),
        ("[server]\ndemo = 1", r"server\.demo: Expected `bool`"),
        ("[server]\nlog_format = 'xml'", r"server\.log_format: 'xml' is none of console, json$"),
        ("[server]\nlog_format = 1", r"server\.log_format: 1 is none of console, json$"),
        ("[fanout]\nsender = 'fast'", r"fanout\.sender: 'fast' is none of auto, compiled, python$"),
        ("[fanout]\nsocket_buffer = 1073741825", r"fanout\.socket_buffer: Expected `int` <= 1073741824"),
        ("[fanout]\ntick_ms = 2147483648", r"fanout\.tick_ms: Expected `int` <= 2147483647"),
        ("[fanout]\nchat_budget = 100001", r"fanout\.chat_budget: Expected `int` <= 100000"),
        ("[limits]\njoins_per_second = 1e10", r"limits\.joins_per_second: Expected `float` <= 1000000000"),
        ("[server]\nallowed_origins = 'x'", r"server\.allowed_origins: Expected `array`"),
        ("[server.port]\nx = 1", r"server\.port: Expected `int`"),
        ("[limits]\njoins_per_second = -1", r"limits\.joins_per_second: Expected `float` >= 0"),
        ("[limits]\njoins_per_second = nan", r"limits\.joins_per_second: Expected `float` >= 0"),
        ("[limits]\njoins_per_second = inf", r"limits\.joins_per_second: Expected `float` <= "),
        ("[fanout]\nhard_mark = 2048", r"fanout\.hard_mark must not be below fanout\.soft_mark"),
        (
            "[payments]\nprovider = 'stripe'",
            r"payments\.provider: 'stripe' is neither 'sandbox' nor the http",
        ),
        ("[payments]\nprovider = 'ftp://a'", r"payments\.provider: 'ftp://a' is neither"),
        ("[payments]\nprovider = 'http://a:b'", r"payments\.provider: 'http://a:b' is neither"),
        ("[payments]\nprovider = ''", r"payments\.provider: '' is neither"),
        ("[orders]\npayment_grace_ms = 10000", r"payment_grace_ms must be more than payments\.timeout_ms"),
        ("[payments]\ntimeout_ms = 0", r"payments\.timeout_ms: Expected `int` >= 1"),
        ("[server]\nssl_certfile = 'c'", r"^server\.ssl_certfile needs server\.ssl_keyfile beside it"),
        ("[server]\nssl_keyfile = 'k'", r"^server\.ssl_keyfile needs server\.ssl_certfile beside it"),
        ("[server", r"miaodan\.toml: Expected '\]'"),
    ],
)
def test_what_is_wrong_in_a_file(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        load(written(text, tmp_path))


@pytest.mark.parametrize(
    ("variable", "text", "problem"),
    [
        ("MIAODAN_SERVER__PORT", "", r"^MIAODAN_SERVER__PORT: server\.port: Expected `int`"),
        ("MIAODAN_SERVER__PORT", "eighty", r"server\.port: Expected `int`"),
        ("MIAODAN_SERVER__DEMO", "perhaps", r"server\.demo: Expected `bool`"),
        ("MIAODAN_SERVER__PROT", "1", r"MIAODAN_SERVER__PROT: server\.prot is not a setting"),
        ("MIAODAN_LIMITS__LIKES_PER_SECOND", "nan", r"limits\.likes_per_second: Expected `float` >= 0"),
        ("MIAODAN_DANMAKU__BLOCKED_WORDS", "[1]", r"danmaku\.blocked_words: Expected `str`"),
        ("MIAODAN_DANMAKU__BLOCKED_WORDS", "[", r"danmaku\.blocked_words: "),
    ],
)
def test_what_is_wrong_in_the_environment(variable: str, text: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        load(environ={variable: text})


@pytest.mark.parametrize("name", [name for name in NAMES if type(value_of(Settings(), name)) in (int, float)])
def test_no_number_is_without_a_bound(name: str) -> None:
    variable = f"MIAODAN_{name.replace('.', '__').upper()}"
    with pytest.raises(SettingsError, match=rf"^{variable}: {name}: Expected `\w+` <= "):
        load(environ={variable: "99999999999999"})


def test_what_is_wrong_in_flags() -> None:
    with pytest.raises(SettingsError, match=r"--redis-url: server\.redis_url: Expected `str`"):
        load(flags={"server.redis_url": 1})


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        load(
            written("[server]\nport = -1\nhots = 'x'", tmp_path),
            {"MIAODAN_ORDERS__BATCH": "0"},
            {"server.port": 1},
        )
    assert len(raised.value.problems) == 3
    assert str(raised.value).count("\n") == 2


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff")
    with pytest.raises(SettingsError, match=r"bad\.toml: .*utf-8"):
        load(tmp_path / "bad.toml")


@pytest.mark.parametrize("name", ["danmaku", "orders", "likes"])
def test_what_counts_per_user_says_so(name: str) -> None:
    """`server.app.Gateway` keeps a bucket per user id, not per socket."""
    _, _, text = inspect.getsource(LimitSettings).partition(f"{name}_per_second")
    assert text.splitlines()[1].strip() == '"""Per user, over all of their sockets of one worker."""'
