-- End a sale once: what is left goes back to its product, later returns follow by themselves.
-- KEYS[1] outbox  KEYS[2] sale's pool  KEYS[3] product's pool  KEYS[4] due
-- ARGV[1] operation id  ARGV[2] room  ARGV[3] channel  ARGV[4] sale reference  ARGV[5] product reference
-- ARGV[6] member for due  ARGV[7] reason  ARGV[8] ms until the clock tells the end where the closer did not
-- returns the reason it was closed for, the first one given; '' when there is no such sale
local pool = pool_at(KEYS[2], ARGV[3], ARGV[4])
if not pool.state then return '' end
if pool.state ~= 'open' then return redis.call('HGET', KEYS[2], 'reason') end
local left = pool.available
if left > 0 then
  local product = pool_at(KEYS[3], ARGV[3], ARGV[5])
  move(ARGV[1], ARGV[2], pool, -left, 'closed')
  move(ARGV[1], ARGV[2], product, left, 'closed')
  pool.available, product.available = 0, product.available + left
end
touch(pool)
define(ARGV[2], pool, {state = 'closed', reason = ARGV[7]})
if ARGV[7] ~= 'time' then write('ZREM', KEYS[4], ARGV[6] .. '/start') end
write('ZADD', KEYS[4], 'LT', now + tonumber(ARGV[8]), ARGV[6] .. '/end')
finish(KEYS[1])
return ARGV[7]
