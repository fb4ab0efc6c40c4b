-- Put a product on the shelf, or set what is there: afterwards `stock` units are available.
-- KEYS[1] outbox  KEYS[2] pool  KEYS[3] references of the room's pools  KEYS[4] rooms of the partition
-- ARGV[1] operation id  ARGV[2] room  ARGV[3] channel  ARGV[4] pool reference
-- ARGV[5] price  ARGV[6] currency  ARGV[7] stock  ARGV[8] limit per user (0: none)  ARGV[9] hold, ms  ARGV[10] sku
-- returns what the pool has in all: available, held and sold
local pool = pool_at(KEYS[2], ARGV[3], ARGV[4])
local delta = tonumber(ARGV[7]) - pool.available
if delta ~= 0 then move(ARGV[1], ARGV[2], pool, delta, 'mount') end
pool.available = tonumber(ARGV[7])
touch(pool)
define(ARGV[2], pool, {state = 'open', price = ARGV[5], currency = ARGV[6], limit = ARGV[8], hold = ARGV[9],
  sku = ARGV[10], starts = '0', ends = '0'})
write('SADD', KEYS[3], ARGV[4])
write('SADD', KEYS[4], ARGV[2])
finish(KEYS[1])
return pool.total
