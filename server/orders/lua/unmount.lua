-- Take a product off the shelf: what is available is withdrawn, what is held or sold stays.
-- KEYS[1] outbox  KEYS[2] pool
-- ARGV[1] operation id  ARGV[2] room  ARGV[3] channel  ARGV[4] pool reference
-- returns units withdrawn, or -1 when there is no such pool
local pool = pool_at(KEYS[2], ARGV[3], ARGV[4])
if not pool.state then return -1 end
local left = pool.available
if left > 0 then move(ARGV[1], ARGV[2], pool, -left, 'unmount') end
pool.available = 0
touch(pool)
define(ARGV[2], pool, {state = 'closed'})
finish(KEYS[1])
return left
