"""Lua, called by its digest."""

from __future__ import annotations

import hashlib
import importlib.resources
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

Argument = str | bytes | int | float


class Script:
    """A Lua script called by its digest, and loaded where the server does not have it."""

    def __init__(self, source: str | Path) -> None:
        """`source`: the script itself, or the path of its file."""
        self.source = source.read_text("utf-8") if isinstance(source, Path) else source
        self.digest = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()

    @classmethod
    def from_package(cls, package: str, path: str) -> Script:
        """The script in file `path` of an importable package, e.g. `("server.orders", "lua/pay.lua")`."""
        return cls(importlib.resources.files(package).joinpath(path).read_text("utf-8"))

    async def run(self, client: Redis, keys: Sequence[str | bytes], args: Sequence[Argument]) -> Any:
        """The script's reply. Raises redis errors; only NOSCRIPT (nothing ran) is tried again."""
        call = ("EVALSHA", self.digest, len(keys), *keys, *args)
        try:
            return await client.execute_command(*call)  # type: ignore[no-untyped-call]
        except NoScriptError:
            await client.script_load(self.source)
            return await client.execute_command(*call)  # type: ignore[no-untyped-call]
