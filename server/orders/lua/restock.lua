-- Add units to an open pool, or take available ones away.
-- KEYS[1] outbox  KEYS[2] pool
-- ARGV[1] operation id  ARGV[2] room  ARGV[3] channel  ARGV[4] pool reference  ARGV[5] delta  ARGV[6] most a pool holds
-- returns {1, available}, {0, available} when delta is out of range, {-1, 0} no such pool, {-2, 0} closed
local pool = pool_at(KEYS[2], ARGV[3], ARGV[4])
local delta = tonumber(ARGV[5])
if not pool.state then return {-1, 0} end
if pool.state ~= 'open' or (pool.ends > 0 and now >= pool.ends) then return {-2, 0} end
if pool.available + delta < 0 or pool.available + delta > tonumber(ARGV[6]) then return {0, pool.available} end
if delta ~= 0 then
  move(ARGV[1], ARGV[2], pool, delta, 'restock')
  pool.available = pool.available + delta
  finish(KEYS[1])
end
return {1, pool.available}
