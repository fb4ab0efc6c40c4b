-- Change a mounted product's price and limit; orders keep the price they were placed at.
-- KEYS[1] outbox  KEYS[2] pool
-- ARGV[1] operation id (not used)  ARGV[2] room  ARGV[3] channel  ARGV[4] pool reference
-- ARGV[5] price  ARGV[6] limit per user (0: none)
-- returns 1, or 0 when it is not mounted
local pool = pool_at(KEYS[2], ARGV[3], ARGV[4])
if pool.state ~= 'open' then return 0 end
define(ARGV[2], pool, {price = ARGV[5], limit = ARGV[6]})
finish(KEYS[1])
return 1
