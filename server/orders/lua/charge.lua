-- Open a charge for each of a batch of orders, or join the one that is open: an order has one at most.
-- KEYS[1] outbox  KEYS[2] holds (not used)  KEYS[3] returns (not used)
-- KEYS[4 ..] per order (N): its key, its pool, its pool's units, the pool its stock goes home to (not used),
--   its charge, the partition's charges
-- ARGV[1] N  ARGV[2] life of a finished order (not used)  ARGV[3] ,sources,  ARGV[4] target  ARGV[5] late source
-- ARGV[6] ms until the poller looks at the charge
-- ARGV[7 ..] per order: channel, pool reference, home reference (not used), 1: paid with one tap
-- returns {{code, record, number of the charge, times it was taken up, 1: opened just now}}: 1 open, 2 paid already,
--   0 takes no payment, -1 no such order, -2 sold out (late), -3 over the limit (late),
--   -4 its payment deadline has passed
local function late(order, k, a)
  local pool = pool_at(KEYS[k + 1], ARGV[a], ARGV[a + 1])
  if pool.state ~= 'open' or (pool.ends > 0 and now >= pool.ends) or pool.available < order.quantity then
    return -2
  end
  if pool.limit > 0 and units_at(KEYS[k + 2], order.user) + order.quantity > pool.limit then return -3 end
  return 1
end

local results, opened = {}, {}
for n = 1, tonumber(ARGV[1]) do
  local k, a = 6 * n - 2, 3 + 4 * n
  local order = order_at(KEYS[k])
  local last = opened[KEYS[k + 4]] or redis.call('HMGET', KEYS[k + 4], 'n', 'open', 'spent', 'joins')
  local open = last[2] == '1'
  local code, number, joins = 0, tonumber(last[1] or 1), tonumber(last[4] or 0) + 1
  if not order then
    code = -1
  elseif order.status == ARGV[4] then
    code = 2
  elseif string.find(ARGV[3], ',' .. order.status .. ',', 1, true) then
    code = (open or now < order.expires_at) and 1 or -4
  elseif order.status == ARGV[5] then
    code = open and 1 or late(order, k, a)
  end
  if code == 1 then
    if not open and last[3] == '1' then number = number + 1 end
    opened[KEYS[k + 4]] = {number, '1', '0', joins}
    write('HSET', KEYS[k + 4], 'n', number, 'open', 1, 'spent', 0, 'joins', joins, 'joined', now)
    if not open then write('HSET', KEYS[k + 4], 'at', now) end
    if not open or ARGV[a + 3] == '0' then write('HSET', KEYS[k + 4], 'tap', ARGV[a + 3]) end
    write('PERSIST', KEYS[k + 4])
    if not open then write('ZADD', KEYS[k + 5], now + tonumber(ARGV[6]), string.sub(KEYS[k], -35)) end
  end
  results[n] = {code, order and cjson.encode(order) or '', number, joins, open and 0 or 1}
end
finish(KEYS[1])
return results
