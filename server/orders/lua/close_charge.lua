-- End an order's open charge, where it is still the one that was looked at, without paying the order;
-- where none is open, what is left of it among the charges is taken away.
-- KEYS[1] outbox (not used)  KEYS[2] charges  KEYS[3] the charge  KEYS[4] the order
-- ARGV[1] number  ARGV[2] order id  ARGV[3] how often it had been joined, '' for whatever came since
-- ARGV[4] 1: its number is spent (declined, given back), the next charge has another; 0: it is used again
-- ARGV[5] life of the charge's record, ms  ARGV[6] channel
-- ARGV[7] what its buyer is told (JSON: code and message), '' for nothing
-- returns 1 ended, 0 ended before, or joined meanwhile
local last = redis.call('HMGET', KEYS[3], 'n', 'open', 'joins')
if last[2] ~= '1' then
  redis.call('ZREM', KEYS[2], ARGV[2])
  return 0
end
if last[1] ~= ARGV[1] then return 0 end
if ARGV[3] ~= '' and last[3] ~= ARGV[3] then return 0 end
write('HSET', KEYS[3], 'open', 0, 'spent', ARGV[4])
write('PEXPIRE', KEYS[3], ARGV[5])
write('ZREM', KEYS[2], ARGV[2])
local order = ARGV[7] ~= '' and order_at(KEYS[4])
if order then tell(ARGV[6], order, cjson.encode(order), ARGV[7]) end
finish(KEYS[1])
return 1
