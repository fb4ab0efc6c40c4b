"""The limits of a load test, from a small TOML file.

`ThresholdError` is the one error: its text says which file, which field, and what was expected.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

DEFAULT_FILE = Path(__file__).with_name("thresholds.toml")
Limit = Annotated[float, Meta(ge=0)]


class ThresholdError(ValueError):
    """Limits that cannot be read. `source` is the file or option, `message` what is wrong with it."""

    def __init__(self, source: str, message: str) -> None:
        self.source = source
        self.message = message

    def __str__(self) -> str:
        return f"{self.source}: {self.message}"


class Percentile(Struct, frozen=True, forbid_unknown_fields=True):
    p99_ms: Limit


class Errors(Struct, frozen=True, forbid_unknown_fields=True):
    rate: Limit


class Loss(Struct, frozen=True, forbid_unknown_fields=True):
    events: Limit
    viewers: Limit


class Sales(Struct, frozen=True, forbid_unknown_fields=True):
    oversold: Limit
    unsold: Limit


class Audit(Struct, frozen=True, forbid_unknown_fields=True):
    problems: Limit


class Generator(Struct, frozen=True, forbid_unknown_fields=True):
    lateness_p99_ms: Limit
    loop_lag_p99_ms: Limit
    cpu_p90: Limit


class Thresholds(Struct, frozen=True, forbid_unknown_fields=True):
    """Upper limits; infinite means off."""

    order: Percentile
    paid: Percentile
    delivery: Percentile
    connect: Percentile
    welcome: Percentile
    skew: Percentile
    errors: Errors
    loss: Loss
    sales: Sales
    audit: Audit
    generator: Generator


def load(file: str | None = None, changes: Sequence[str] = ()) -> Thresholds:
    """The default limits, changed by `file` and then by each `SECTION.FIELD=VALUE`. Raises ThresholdError."""
    document = _read(DEFAULT_FILE)
    if file is not None:
        document = _merged(document, _read(Path(file)))
        _checked(document, file)
    for change in changes:
        place, equals, value = change.partition("=")
        section, dot, name = place.strip().partition(".")
        source = f"--threshold {change}"
        if not equals or not dot:
            raise ThresholdError(source, "expected SECTION.FIELD=VALUE")
        try:
            number = float(value)
        except ValueError:
            raise ThresholdError(source, f"expected a number for {place}, got {value!r}") from None
        document = _merged(document, {section: {name: number}})
        _checked(document, source)
    return _checked(document, str(file or DEFAULT_FILE))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ThresholdError(str(path), error.strerror or str(error)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ThresholdError(str(path), f"not TOML: {error}") from None


def _merged(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Sections of `changes` lie over those of `document`, field by field."""
    together = dict(document)
    for section, fields in changes.items():
        known = together.get(section)
        if isinstance(known, dict) and isinstance(fields, dict):
            fields = {**known, **fields}  # noqa: PLW2901 - what it says over what was there
        together[section] = fields
    return together


def _checked(document: dict[str, Any], source: str) -> Thresholds:
    try:
        return msgspec.convert(document, Thresholds)
    except msgspec.ValidationError as error:
        # msgspec's `$.order.p99_ms` is the field as the file writes it.
        raise ThresholdError(source, str(error).replace("$.", "").replace("`$`", "the file")) from None
