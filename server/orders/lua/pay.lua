-- Mark a batch of orders paid. A payment that comes after the hold was released takes new stock where
-- there is some; every payment that finds no use is put among the returns.
-- KEYS[1] outbox  KEYS[2] holds  KEYS[3] returns
-- KEYS[4 ..] per order (N): its key, its pool, its pool's units, the pool its stock goes home to
-- ARGV[1] N  ARGV[2] life of a finished order, ms  ARGV[3] ,sources,  ARGV[4] target  ARGV[5] late source
-- ARGV[6] ms until the sweeper returns an unused payment
-- ARGV[7 ..] per order: channel, pool reference, home reference, payment, amount, member for returns
-- returns {{code, record}}: 1 paid, 2 was paid by this payment, 0 takes no payment (now returned),
--   -1 no such order (now returned), -2 sold out (late; now returned), -3 over the limit (late; now returned)
local results = {}
for n = 1, tonumber(ARGV[1]) do
  local k, a = 4 * n, 1 + 6 * n
  local channel, payment, amount = ARGV[a], ARGV[a + 3], ARGV[a + 4]
  local order = order_at(KEYS[k])
  local code, record = 0, nil
  if not order then
    code = -1
  else
    local pool = pool_at(KEYS[k + 1], channel, ARGV[a + 1])
    if string.find(ARGV[3], ',' .. order.status .. ',', 1, true) then
      pool.held, pool.reserved = pool.held - order.quantity, pool.reserved - 1
      code = 1
    elseif order.payment == payment then
      code = 2
    elseif order.status == ARGV[5] then
      local used = units_at(KEYS[k + 2], order.user)
      if pool.state ~= 'open' or (pool.ends > 0 and now >= pool.ends) or pool.available < order.quantity then
        code = -2
      elseif pool.limit > 0 and used + order.quantity > pool.limit then
        code = -3
      else
        pool.available = pool.available - order.quantity
        add_units(KEYS[k + 2], order.user, order.quantity)
        code = 1
      end
    end
    if code == 1 then
      pool.sold, pool.paid = pool.sold + order.quantity, pool.paid + 1
      touch(pool)
      order.payment, order.reason = payment, cjson.null
      write('ZREM', KEYS[2], order.order)
      write('HINCRBY', pool.key, 'revenue', amount)
      record = change(KEYS[k], order, ARGV[4], channel, nil)
    end
  end
  if code < 1 then write('ZADD', KEYS[3], now + tonumber(ARGV[6]), ARGV[a + 5]) end
  results[n] = {code, record or (order and cjson.encode(order)) or ''}
end
finish(KEYS[1])
return results
