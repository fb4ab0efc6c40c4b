-- Change a mounted product's price and limit; orders keep the price they were placed at.
-- KEYS[1] pool
-- ARGV[1] price  ARGV[2] limit per user (0: none)
-- returns 1, or 0 when it is not mounted
if pool_at(KEYS[1], '', '').state ~= 'open' then return 0 end
redis.call('HSET', KEYS[1], 'price', ARGV[1], 'limit', ARGV[2])
return 1
