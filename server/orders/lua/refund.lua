-- Begin to refund a batch of paid orders (`refunding`: the money is owed), or finish it (`refunded`:
-- the provider has given it back, so the stock and the buyer's allowance return).
-- KEYS[1] outbox  KEYS[2] holds (not used)  KEYS[3] returns
-- KEYS[4 ..] per order (N): its key, its pool, its pool's units, the pool its stock goes home to
-- ARGV[1] N  ARGV[2] life of a finished order, ms  ARGV[3] ,sources,  ARGV[4] target
-- ARGV[5] 1: finishes  ARGV[6] ms until the sweeper takes a begun refund up
-- ARGV[7 ..] per order: channel, pool reference, home reference, reason, amount with its sign,
--   member for returns
-- returns {{code, record}}: 1 changed, 2 was so already, 0 not in a state for it, -1 no such order
local results = {}
for n = 1, tonumber(ARGV[1]) do
  local k, a = 4 * n, 1 + 6 * n
  local channel = ARGV[a]
  local order = order_at(KEYS[k])
  local code, record = 0, nil
  if not order then
    code = -1
  elseif order.status == ARGV[4] then
    code = 2
  elseif string.find(ARGV[3], ',' .. order.status .. ',', 1, true) then
    local owed = ARGV[a + 5]
    local life = nil
    if ARGV[5] == '1' then
      local pool = pool_at(KEYS[k + 1], channel, ARGV[a + 1])
      local home = pool_at(KEYS[k + 3], channel, ARGV[a + 2])
      pool.sold, pool.paid, pool.refunded = pool.sold - order.quantity, pool.paid - 1, pool.refunded + 1
      give_back(order, pool, home, order.quantity)
      add_units(KEYS[k + 2], order.user, -order.quantity)
      write('HINCRBY', pool.key, 'revenue', ARGV[a + 4])
      write('ZREM', KEYS[3], owed)
      life = ARGV[2]
    else
      order.reason = ARGV[a + 3]
      write('ZADD', KEYS[3], now + tonumber(ARGV[6]), owed)
    end
    record = change(KEYS[k], order, ARGV[4], channel, life)
    code = 1
  end
  results[n] = {code, record or (order and cjson.encode(order)) or ''}
end
finish(KEYS[1])
return results
