"""The settings as documents: a commented TOML file, a list of environment variables."""

from __future__ import annotations

import ast
import inspect
import textwrap

import msgspec

from server import settings


def docstrings() -> dict[str, str]:
    """What is written under each setting in the source, by `section.key`; under each class, by `section`."""
    by_class: dict[str, dict[str, str]] = {}
    for node in ast.parse(inspect.getsource(settings)).body:
        if isinstance(node, ast.ClassDef):
            by_class[node.name] = {"": ast.get_docstring(node) or "", **_field_docstrings(node)}
    return {
        f"{section.name}.{key}".rstrip("."): " ".join(text.split())
        for section in msgspec.structs.fields(settings.Settings)
        for key, text in by_class[section.type.__name__].items()
    }


def _field_docstrings(node: ast.ClassDef) -> dict[str, str]:
    found: dict[str, str] = {}
    name: str | None = None
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
        elif name and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            found[name] = str(statement.value.value)
            name = None
    return found


def default_toml() -> str:
    """A settings file with every setting at its default, commented out."""
    told = docstrings()
    lines = ["# Miaodan's settings at their defaults. Stronger than this file: environment, flags."]
    section = ""
    for setting in settings.all_settings():
        if setting.section != section:
            section = setting.section
            lines += ["", f"# {told[section]}", f"[{section}]"]
        lines += _comment(told[f"{section}.{setting.key}"])
        lines.append(f"# {setting.key} = {_toml(setting.default)}")
    return "\n".join(lines) + "\n"


def environment() -> str:
    """Every environment variable with its default and what it does."""
    told = docstrings()
    lines: list[str] = []
    for setting in settings.all_settings():
        lines += _comment(told[f"{setting.section}.{setting.key}"])
        default = setting.default
        text = default if isinstance(default, str) else msgspec.json.encode(default).decode()
        lines.append(f"{setting.variable}={text}")
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, 98)]


def _toml(value: object) -> str:
    """JSON's strings, numbers, booleans and lists are TOML's too."""
    return msgspec.json.encode(value).decode()
