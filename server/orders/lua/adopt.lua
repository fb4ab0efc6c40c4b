-- A pool from before rules had versions: its first version, for the ledger.
-- KEYS[1] outbox  KEYS[2] pool
-- ARGV[1] room  ARGV[2] pool reference
-- returns 1, or 0 when it has one or there is no such pool
local pool = pool_at(KEYS[2], '', ARGV[2])
if not pool.state or redis.call('HEXISTS', KEYS[2], 'version') == 1 then return 0 end
define(ARGV[1], pool, {})
finish(KEYS[1])
return 1
