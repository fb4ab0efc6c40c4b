-- Write decisions on a batch of orders: shipped, delivered, the steps of a refund. Each was made on one
-- version of its order; where the order has moved on meanwhile nothing of it is written.
-- KEYS[1] outbox  KEYS[2] refunds
-- KEYS[3 ..] per order (N): its key, its pool, its pool's units, the pool its stock goes home to
-- ARGV[1] N  ARGV[2] life of a finished order, ms
-- ARGV[3 ..] per order: channel, pool reference, home reference, version it was decided on, status,
--   fields that change (JSON), units ('keep', 'back': they sell again, 'gone': they leave the pool for good),
--   revenue with its sign, 1 where the order is over, rows for the ledger's refunds (JSON, commas between) or '',
--   row for its control actions (JSON) or '', refund under way or '', when to take it up (ms; '' not any more)
-- returns {{code, record}}: 1 written, 0 the order has another version now, -1 no such order
local results = {}
for n = 1, tonumber(ARGV[1]) do
  local k, a = 4 * n - 1, 13 * n - 10
  local channel = ARGV[a]
  local order = order_at(KEYS[k])
  local code, record = 0, nil
  if not order then
    code = -1
  elseif order.version == tonumber(ARGV[a + 3]) then
    local units, refund = ARGV[a + 6], ARGV[a + 11]
    if units ~= 'keep' then
      local pool = pool_at(KEYS[k + 1], channel, ARGV[a + 1])
      local home = pool_at(KEYS[k + 3], channel, ARGV[a + 2])
      pool.sold, pool.paid, pool.refunded = pool.sold - order.quantity, pool.paid - 1, pool.refunded + 1
      if units == 'back' then
        give_back(order, pool, home, order.quantity)
      else
        move(order.order .. ':' .. (order.version + 1), order.room, pool, -order.quantity, 'refunded_shipped')
      end
      add_units(KEYS[k + 2], order.user, -order.quantity)
    end
    if ARGV[a + 7] ~= '0' then write('HINCRBY', KEYS[k + 1], 'revenue', ARGV[a + 7]) end
    if ARGV[a + 9] ~= '' then refunds[#refunds + 1] = ARGV[a + 9] end
    if ARGV[a + 10] ~= '' then actions[#actions + 1] = ARGV[a + 10] end
    if refund ~= '' then
      if ARGV[a + 12] ~= '' then
        write('ZADD', KEYS[2], ARGV[a + 12], refund)
      else
        write('ZREM', KEYS[2], refund)
      end
    end
    for name, value in pairs(cjson.decode(ARGV[a + 5])) do order[name] = value end
    record = change(KEYS[k], order, ARGV[a + 4], channel, ARGV[a + 8] == '1' and ARGV[2] or nil)
    code = 1
  end
  results[n] = {code, record or (order and cjson.encode(order)) or ''}
end
finish(KEYS[1])
return results
