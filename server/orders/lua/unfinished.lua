-- The orders that the requests of some users placed in a room, finished or not.
-- KEYS[1 ..] per user: their request records   ARGV[1] characters of an order's id
-- Returns one array of order ids per user, in no order.
local length = tonumber(ARGV[1])
local found = {}
for n = 1, #KEYS do
  local ids = redis.call('HVALS', KEYS[n])
  for i = 1, #ids do
    ids[i] = string.sub(ids[i], 1, length)
  end
  found[n] = ids
end
return found
