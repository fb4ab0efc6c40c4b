"""Stock, orders, payments, and the ledger that remembers them.

Everything that must not be oversold is decided inside one Lua call on the store (`lua/`); what was
decided leaves as outbox entries in the same call and becomes rows of the ledger later, exactly once.
"""
