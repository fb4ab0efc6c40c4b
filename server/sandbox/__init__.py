"""A payment provider that pretends: an HTTP service of its own, which knows nothing of the server.

It speaks the HTTP API of docs/payments.md, keeps its book in SQLite across `kill -9`, tells its shop by
signed webhooks, and can be told to misbehave. No money moves.
"""
