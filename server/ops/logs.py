"""Log lines: for a person at a console, or JSON for machines, on standard error.

Modules write with `structlog.get_logger("miaodan.<part>")`; what libraries say through `logging`
comes out in the same form. Every line carries the role of its process.
"""

from __future__ import annotations

import logging
import math
import sys
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger


def _process(role: str) -> Processor:
    def add(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event.setdefault("role", role)
        return event

    return add


def _json(value: EventDict, **_: Any) -> str:
    return orjson.dumps(value, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()


def configure_logs(log_format: str, level: str, *, role: str, stream: TextIO | None = None) -> None:
    """For the whole process. `log_format`: `console` or `json`; `level`: `debug` to `critical`."""
    out = stream if stream is not None else sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _process(role),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if log_format == "json":
        last: list[Processor] = [
            structlog.processors.dict_tracebacks,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(serializer=_json),
        ]
    else:
        # Plain: a traceback with local variables would write tokens into logs.
        plain = structlog.dev.plain_traceback
        last = [structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=plain)]
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Of itself it tells every start what it is made of; the ledger says what it did.
    logging.getLogger("alembic").setLevel(max(root.level, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


class Seldom:
    """What anybody can cause is logged at most once in `seconds`, with how often it was."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due = -math.inf
        self._number = 0

    def note(self, now: float) -> int:
        """It happened once more, at `now` seconds. How often since the last time this was not 0, or 0:
        say nothing yet."""
        self._number += 1
        if now < self._due:
            return 0
        number, self._number = self._number, 0
        self._due = now + self._seconds
        return number
