-- Hold stock for a batch of orders of one partition; each order all or nothing.
-- KEYS[1] outbox  KEYS[2] holds  KEYS[3] due
-- KEYS[4 ..]   per pool (P):  its hash, its units hash
-- KEYS[4+2P..] per order (N): its user's hash in the room, its own key
-- ARGV[1] P  ARGV[2] N  ARGV[3] request memory, ms  ARGV[4] ms that a hold outlives its payment deadline
-- ARGV[5 ..]   per pool:  channel of its room, name, member for due ('' unless a sale)
-- ARGV[5+3P..] per order: pool number, live (1 or 0), quantity, user, request_id, contents, head of its record
-- returns {now, {price, hold_ms, sku, starts_at, available after the batch} per pool in a row, {result per order}}
--   result: 1 held; an order id: this request placed that order before;
--   -1 request_mismatch -2 not_found -3 not_open -4 sale_ended -5 limit_exceeded -6 sold_out -7 room not live
local P, N, memory, grace = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local pool_keys, pool_args = 3, 4
local order_keys, order_args = 3 + 2 * P, 4 + 3 * P
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local pools, info = {}, {}
for i = 1, P do
  local v = redis.call('HMGET', KEYS[pool_keys + 2 * i - 1], 'state', 'price', 'limit', 'hold', 'sku',
    'starts', 'ends', 'available', 'held', 'reserved', 'exhausted')
  local pool = {users = {}, units = {}, changed = {}, buyers = {}}
  if v[1] then
    pool.state, pool.price, pool.limit, pool.hold, pool.sku = v[1], v[2], tonumber(v[3]), tonumber(v[4]), v[5]
    pool.starts, pool.ends = tonumber(v[6]), tonumber(v[7])
    pool.available, pool.held, pool.reserved = tonumber(v[8]), tonumber(v[9]), tonumber(v[10])
    pool.exhausted = v[11]
    pool.expires = now + pool.hold
    pool.tail = ',"sku":' .. cjson.encode(pool.sku) .. ',"price":' .. pool.price
      .. ',"status":"reserved","version":1,"reserved_at":' .. now .. ',"expires_at":' .. pool.expires
      .. ',"updated_at":' .. now .. ',"payment":null,"reason":null}'
  end
  pools[i] = pool
  local at = 5 * i - 5
  info[at + 1], info[at + 2] = tonumber(pool.price or 0), pool.hold or 0
  info[at + 3], info[at + 4], info[at + 5] = pool.sku or '', pool.starts or 0, pool.available or 0
end

for n = 1, N do
  local at = order_args + 7 * (n - 1)
  local users = pools[tonumber(ARGV[at + 1])].users
  users[#users + 1] = ARGV[at + 4]
end
for i = 1, P do
  local pool = pools[i]
  if pool.state then
    local found = redis.call('HMGET', KEYS[pool_keys + 2 * i], unpack(pool.users))
    for j, user in ipairs(pool.users) do pool.units[user] = tonumber(found[j] or 0) end
  end
end

local function refusal(pool, live, quantity, user)
  if not live then return -7 end
  if not pool.state then return -2 end
  if pool.state ~= 'open' then return pool.ends > 0 and -4 or -2 end
  if pool.starts > now then return -3 end
  if pool.ends > 0 and now >= pool.ends then return -4 end
  if pool.limit > 0 and pool.units[user] + quantity > pool.limit then return -5 end
  if pool.available < quantity then return -6 end
end

local results, seen = {}, {}
local records, orders, holds, users = {}, {}, {}, {}
for n = 1, N do
  local at = order_args + 7 * (n - 1)
  local user_key, order_key = KEYS[order_keys + 2 * n - 1], KEYS[order_keys + 2 * n]
  local request, contents = ARGV[at + 5], ARGV[at + 6]
  local mine = seen[user_key]
  if not mine then mine = {}; seen[user_key] = mine end
  local known = mine[request] or redis.call('HGET', user_key, request)
  if known then
    results[n] = string.sub(known, 37) == contents and string.sub(known, 1, 35) or -1
  else
    local pool, quantity, user = pools[tonumber(ARGV[at + 1])], tonumber(ARGV[at + 3]), ARGV[at + 4]
    local code = refusal(pool, ARGV[at + 2] == '1', quantity, user)
    if code then
      results[n] = code
    else
      local id = string.sub(order_key, -35)
      local record = ARGV[at + 7] .. pool.tail
      mine[request] = id .. ' ' .. contents
      pool.units[user] = pool.units[user] + quantity
      pool.changed[user] = true
      pool.available, pool.held = pool.available - quantity, pool.held + quantity
      info[5 * tonumber(ARGV[at + 1])] = pool.available
      pool.buyers[#pool.buyers + 1] = cjson.encode(user)
      pool.reserved = pool.reserved + 1
      pool.dirty = true
      records[#records + 1] = record
      orders[#orders + 1], orders[#orders + 2] = order_key, record
      holds[#holds + 1], holds[#holds + 2] = pool.expires + grace, id
      users[#users + 1] = {user_key, request, mine[request]}
      results[n] = 1
    end
  end
end

-- Every check is behind us: from here on only writes.
if #records > 0 then
  redis.call('MSET', unpack(orders))
  redis.call('ZADD', KEYS[2], unpack(holds))
  for _, user in ipairs(users) do
    redis.call('HSET', user[1], user[2], user[3])
    redis.call('PEXPIRE', user[1], memory)
  end
  local stock, buyers = {}, {}
  for i = 1, P do
    local pool = pools[i]
    if pool.dirty then
      redis.call('HSET', KEYS[pool_keys + 2 * i - 1], 'available', pool.available, 'held', pool.held,
        'reserved', pool.reserved)
      local units = {}
      for user in pairs(pool.changed) do
        units[#units + 1], units[#units + 2] = user, pool.units[user]
      end
      redis.call('HSET', KEYS[pool_keys + 2 * i], unpack(units))
      local channel, name, due = ARGV[pool_args + 3 * i - 2], ARGV[pool_args + 3 * i - 1], ARGV[pool_args + 3 * i]
      if due ~= '' and pool.available == 0 and not pool.exhausted then
        redis.call('HSET', KEYS[pool_keys + 2 * i - 1], 'exhausted', now)
        redis.call('ZADD', KEYS[3], now, due .. '/sold_out')
      end
      stock[channel] = (stock[channel] and stock[channel] .. ',' or '') .. cjson.encode(name) .. ':' .. pool.available
      buyers[channel] = (buyers[channel] and buyers[channel] .. ',' or '') .. table.concat(pool.buyers, ',')
    end
  end
  redis.call('XADD', KEYS[1], '*', 'o', '[' .. table.concat(records, ',') .. ']')
  for channel, numbers in pairs(stock) do
    redis.call('PUBLISH', channel, 'S{"stock":{' .. numbers .. '},"buyers":[' .. buyers[channel] .. ']}')
  end
end
return {now, info, results}
