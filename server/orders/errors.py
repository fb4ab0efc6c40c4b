"""What the order wing raises.

Exceptions:

    OrderError                     a command refused: `code`, `message`, `field`
    BadDatabaseUrl                 `server.database_url` names no database a ledger can be kept in
    LedgerError                    the ledger cannot be used:
        LedgerUnavailable          not now: away, slow, locked, in trouble; it may come back
        LedgerRefused              it does not admit us, and waiting does not mend that
        LedgerTooNew               written by a newer Miaodan
        LedgerForeign              the database holds tables of somebody else's under our names
    Unwritable                     rows that this database cannot hold; nothing of them was written
    server.valkey.StoreUnavailable the store is out of reach; whether a write ran is not known
        StoreFrozen                it was not checked against the ledger yet: nothing ran
"""

from __future__ import annotations

from schemas.codes import ErrorCode
from server.valkey import StoreUnavailable


class OrderError(Exception):
    """A command that was refused. `field`: the path of what was wrong, where one field was."""

    def __init__(self, code: ErrorCode, message: str, field: str | None = None) -> None:
        super().__init__(code, message, field)
        self.code = code
        self.message = message
        self.field = field

    def __str__(self) -> str:
        return f"{self.code.value}: {self.message}" + (f" ({self.field})" if self.field else "")


class BadDatabaseUrl(Exception):
    """`reason` never holds the URL, whose password is nobody's business."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"server.database_url: {self.reason}"


class LedgerError(Exception):
    """The ledger cannot be used; `reason` in the database's own words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class LedgerUnavailable(LedgerError):
    """Whether what was under way was committed is not known; writing it again changes nothing."""

    def __str__(self) -> str:
        return f"the ledger cannot be used now: {self.reason}"


class LedgerRefused(LedgerError):
    """A wrong name, a wrong password, a database that does not exist, a right that is missing."""

    def __str__(self) -> str:
        return f"the database of server.database_url refuses: {self.reason}"


class LedgerTooNew(LedgerError):
    """`reason` is the revision found."""

    def __init__(self, reason: str, known: str) -> None:
        super().__init__(reason)
        self.known = known

    def __str__(self) -> str:
        return (
            f"the ledger was written by a newer Miaodan (revision {self.reason}, this one knows"
            f" {self.known}): install that one again"
        )


class LedgerForeign(LedgerError):
    """`reason` is the table."""

    def __str__(self) -> str:
        return (
            f"the database of server.database_url holds a table {self.reason!r} that is not Miaodan's:"
            " give the ledger a database of its own"
        )


class Unwritable(ValueError):
    """The rows' fault, not the database's."""


class StoreFrozen(StoreUnavailable):
    """`mark`: the key that would say that the partition was checked."""

    def __init__(self, mark: str) -> None:
        super().__init__("the store is being checked against the ledger: nothing was done")
        self.mark = mark
