-- Give back the stock of a batch of unpaid orders: cancelled by the buyer, or expired.
-- KEYS[1] outbox  KEYS[2] holds  KEYS[3] returns (not used)
-- KEYS[4 ..] per order (N): its key, its pool, its pool's units, the pool its stock goes home to
-- ARGV[1] N  ARGV[2] life of a finished order, ms  ARGV[3] ,sources,  ARGV[4] target
-- ARGV[5] 1: only where the deadline and the grace after it have passed  ARGV[6] grace, ms
-- ARGV[7 ..] per order: channel, pool reference, home reference, reason
-- returns {{code, record}}: 1 released, 2 was so already, 0 not to be released, -1 no such order
local results = {}
for n = 1, tonumber(ARGV[1]) do
  local k, a = 4 * n, 3 + 4 * n
  local channel = ARGV[a]
  local order = order_at(KEYS[k])
  local code, record = 0, nil
  if not order then
    code = -1
  elseif order.status == ARGV[4] then
    code = 2
  elseif string.find(ARGV[3], ',' .. order.status .. ',', 1, true)
    and (ARGV[5] ~= '1' or order.expires_at + tonumber(ARGV[6]) <= now) then
    local pool = pool_at(KEYS[k + 1], channel, ARGV[a + 1])
    local home = pool_at(KEYS[k + 3], channel, ARGV[a + 2])
    pool.held, pool.reserved = pool.held - order.quantity, pool.reserved - 1
    give_back(order, pool, home, order.quantity)
    add_units(KEYS[k + 2], order.user, -order.quantity)
    write('ZREM', KEYS[2], order.order)
    order.reason = ARGV[a + 3]
    record = change(KEYS[k], order, ARGV[4], channel, ARGV[2])
    code = 1
  end
  results[n] = {code, record or (order and cjson.encode(order)) or ''}
end
finish(KEYS[1])
return results
