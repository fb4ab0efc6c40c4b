"""The PostgreSQL that tests of the ledger run on, see `loadtest.postgres`."""

from __future__ import annotations

from loadtest.postgres import PASSWORD, USER, Postgres, find_programs

__all__ = ["PASSWORD", "USER", "Postgres", "find_programs"]
