"""What the order wing raises.

Exceptions:

    OrderError                     a command refused: `code`, `message`, `field`
    server.valkey.StoreUnavailable the store is out of reach; whether a write ran is not known
"""

from __future__ import annotations

from schemas.codes import ErrorCode


class OrderError(Exception):
    """A command that was refused. `field`: the path of what was wrong, where one field was."""

    def __init__(self, code: ErrorCode, message: str, field: str | None = None) -> None:
        super().__init__(code, message, field)
        self.code = code
        self.message = message
        self.field = field

    def __str__(self) -> str:
        return f"{self.code.value}: {self.message}" + (f" ({self.field})" if self.field else "")
