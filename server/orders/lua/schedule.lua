-- Carve a flash sale's stock out of its product's pool and set its window, on this store's clock.
-- KEYS[1] outbox  KEYS[2] product's pool  KEYS[3] sale's pool  KEYS[4] references of the room's pools  KEYS[5] due
-- ARGV[1] operation id  ARGV[2] room  ARGV[3] channel  ARGV[4] product reference  ARGV[5] sale reference
-- ARGV[6] member for due  ARGV[7] price  ARGV[8] currency  ARGV[9] stock  ARGV[10] starts_at ('' when relative)
-- ARGV[11] starts_in_ms  ARGV[12] duration_ms  ARGV[13] limit per user (0: none)  ARGV[14] hold, ms  ARGV[15] sku
-- returns {1, starts_at, ends_at}, also for a sale that exists; {-1, available} too little stock,
--   {-2, 0} product not mounted, {-3, ends_at} it would be over already
local sale = redis.call('HMGET', KEYS[3], 'starts', 'ends')
if sale[1] then return {1, tonumber(sale[1]), tonumber(sale[2])} end
local product = pool_at(KEYS[2], ARGV[3], ARGV[4])
if product.state ~= 'open' then return {-2, 0} end
local stock = tonumber(ARGV[9])
local starts = ARGV[10] ~= '' and tonumber(ARGV[10]) or now + tonumber(ARGV[11])
local ends = starts + tonumber(ARGV[12])
if ends <= now then return {-3, ends} end
if product.available < stock then return {-1, product.available} end
local pool = pool_at(KEYS[3], ARGV[3], ARGV[5])
move(ARGV[1], ARGV[2], product, -stock, 'carved')
move(ARGV[1], ARGV[2], pool, stock, 'carved')
product.available, pool.available = product.available - stock, stock
define(ARGV[2], pool, {state = 'open', price = ARGV[7], currency = ARGV[8], limit = ARGV[13], hold = ARGV[14],
  sku = ARGV[15], starts = starts, ends = ends})
write('SADD', KEYS[4], ARGV[5])
write('ZADD', KEYS[5], starts, ARGV[6] .. '/start')
write('ZADD', KEYS[5], ends, ARGV[6] .. '/end')
finish(KEYS[1])
return {1, starts, ends}
