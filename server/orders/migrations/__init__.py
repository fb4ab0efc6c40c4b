"""The ledger's schema, step by step: `versions/` holds one module per revision, oldest first by name.

A step only ever goes up. A change of `server.orders.tables` needs a revision here; a test compares them.
"""
