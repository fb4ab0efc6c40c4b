"""The generated documents of the wire contract, as files beside this module.

`load` gives a document as it is served. `python -m schemas.asyncapi` and `python -m
schemas.openapi` write them, `--check` compares them with what the code says.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

NAMES = ("asyncapi", "openapi")


def load(name: str) -> bytes:
    """The document `asyncapi` or `openapi` as UTF-8 JSON; LookupError for any other name."""
    if name not in NAMES:
        raise LookupError(f"no document named {name!r}: there are {', '.join(NAMES)}")
    return files(__name__).joinpath(f"{name}.json").read_bytes()


def render(document: dict[str, Any]) -> bytes:
    """A document as its file holds it: the same bytes for the same contract."""
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def main(name: str, document: dict[str, Any], arguments: Sequence[str], directory: Path | None = None) -> int:
    """Write the document's file, or with `--check` exit 1 where it is not what it would be."""
    path = (directory or Path(__file__).parent) / f"{name}.json"
    content = render(document)
    if list(arguments) == ["--check"]:
        if path.exists() and path.read_bytes() == content:
            return 0
        sys.stderr.write(f"{path} is out of date: run `python -m schemas.{name}` and commit the file\n")
        return 1
    if arguments:
        sys.stderr.write(f"usage: python -m schemas.{name} [--check]\n")
        return 2
    path.write_bytes(content)
    return 0
