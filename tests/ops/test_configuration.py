from __future__ import annotations

import re
from pathlib import Path

from server.ops.configuration import default_toml, docstrings, environment
from server.settings import Settings, all_settings, load


def test_every_setting_says_what_it_does() -> None:
    told = docstrings()
    silent = [f"{setting.section}.{setting.key}" for setting in all_settings()]
    assert [name for name in silent if not told.get(name)] == []
    assert told["server"] == "Where it listens and what it stands on."
    assert told["orders.batch"] == "Orders in one Lua call at most."


def test_the_default_file_holds_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "miaodan.toml"
    file.write_text(default_toml())
    assert load(file) == Settings()
    uncommented = re.sub(r"^# (\w+ = )", r"\1", default_toml(), flags=re.MULTILINE)
    assert uncommented.count("\n") == default_toml().count("\n")
    file.write_text(uncommented)
    assert load(file) == Settings()
    for setting in all_settings():
        assert f"\n{setting.key} = " in uncommented


def test_the_environment_holds_the_defaults() -> None:
    lines = [line.partition("=") for line in environment().splitlines() if not line.startswith("#")]
    variables = {name: value for name, _, value in lines}
    assert set(variables) == {setting.variable for setting in all_settings()}
    assert load(environ=variables) == Settings()
