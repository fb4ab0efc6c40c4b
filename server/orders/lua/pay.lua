-- Mark a batch of orders paid. A payment that comes after the hold was released takes new stock where
-- there is some; every payment that finds no use is put among the returns, and pays nothing afterwards.
-- The charge it came by ends here.
-- KEYS[1] outbox  KEYS[2] holds  KEYS[3] returns
-- KEYS[4 ..] per order (N): its key, its pool, its pool's units, the pool its stock goes home to,
--   its charge, the partition's charges, the payment's mark
-- ARGV[1] N  ARGV[2] life of a finished order, ms  ARGV[3] ,sources,  ARGV[4] target  ARGV[5] late source
-- ARGV[6] ms until the sweeper returns an unused payment
-- ARGV[7 ..] per order: channel, pool reference, home reference, payment, amount, member for returns,
--   number of the charge (0: none is known), head of the ledger's row
-- returns {{code, record}}: 1 paid, 2 was paid by this payment, 0 takes no payment (now returned),
--   -1 no such order (now returned), -2 sold out (late; now returned), -3 over the limit (late; now returned)
local WRONG = {
  [-1] = {'not_found', 'no such order: the payment goes back'},
  [-2] = {'sold_out', 'the hold had run out and nothing is left: the payment goes back'},
  [-3] = {'limit_exceeded', 'the hold had run out and other orders use the limit up: the payment goes back'},
}
local function wrong(code, order)
  return WRONG[code] or {'conflict', 'the order is ' .. order.status .. ': the payment goes back'}
end

local results, marks = {}, {}
for n = 1, tonumber(ARGV[1]) do
  local k, a = 7 * n - 3, 8 * n - 1
  local channel, payment, amount, number = ARGV[a], ARGV[a + 3], ARGV[a + 4], ARGV[a + 6]
  local order = order_at(KEYS[k])
  local mark = marks[KEYS[k + 6]] or redis.call('GET', KEYS[k + 6])
  local code, record = 0, nil
  if mark then
    code = tonumber(mark)
  elseif not order then
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
      payments[#payments + 1] = ARGV[a + 7] .. ',"what":"captured","at":' .. now .. '}'
    end
  end
  record = record or (order and cjson.encode(order)) or ''
  if code < 1 and not mark then
    local why = wrong(code, order)
    marks[KEYS[k + 6]] = code
    write('SET', KEYS[k + 6], code, 'PX', ARGV[2])
    write('ZADD', KEYS[3], now + tonumber(ARGV[6]), ARGV[a + 5])
    payments[#payments + 1] = ARGV[a + 7] .. ',"what":"unused","at":' .. now .. ',"reason":'
      .. cjson.encode(why[2]) .. '}'
    if order then tell(channel, order, record, cjson.encode({code = why[1], message = why[2]})) end
  end
  if number ~= '0' then
    local last = redis.call('HMGET', KEYS[k + 4], 'n', 'open')
    if last[1] == number and last[2] == '1' then
      write('HSET', KEYS[k + 4], 'open', 0, 'spent', 1)
      write('PEXPIRE', KEYS[k + 4], 2 * ARGV[2])
      write('ZREM', KEYS[k + 5], string.sub(KEYS[k], -35))
    end
  end
  results[n] = {code, record}
end
finish(KEYS[1])
return results
