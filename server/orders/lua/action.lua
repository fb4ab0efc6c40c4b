-- Tell the ledger what a host did in a room.
-- KEYS[1] outbox   ARGV[1] row of its control actions (JSON)
-- returns 1
redis.call('XADD', KEYS[1], '*', 'c', '[' .. ARGV[1] .. ']')
return 1
