"""The sandbox as a process."""

from __future__ import annotations

import contextlib
import socket
import ssl

import uvicorn

from server.sandbox.api import Api
from server.sandbox.behaviour import Behaviour
from server.sandbox.book import Book
from server.sandbox.options import SandboxOptions
from server.sandbox.postman import Postman
from server.sandbox.scribe import Scribe

MAX_CONNECTIONS = 8_192
"""Beyond it uvicorn answers 503."""


def run_sandbox(options: SandboxOptions, listener: socket.socket) -> int:
    """Serve on `listener` until SIGTERM. Raises BookUnusable, OSError (the certificate)."""
    trust = _trust(options.webhook_certificate)
    behaviour = Behaviour(latency_ms=options.latency_ms)
    book = Book(options.book, behaviour, posts=bool(options.webhook_url))
    scribe = Scribe(book)
    postman = Postman(scribe, options.webhook_url, options.webhook_secret.encode(), trust=trust)
    config = uvicorn.Config(
        Api(book, scribe, postman, options.api_key).application(),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        # Longer than any caller's: nobody's request meets a line that was just closed.
        timeout_keep_alive=90,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    return 0 if server.started else 1


def _trust(certificate: str) -> ssl.SSLContext | None:
    """Whoever shows this very certificate, under whatever name it is reached."""
    if not certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(certificate)
    return context
