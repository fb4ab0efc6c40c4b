-- Shared by the scripts that change pools and orders: they read through these functions, decide, and
-- `finish` writes everything at the end, so that every check comes before the first write.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local COUNTERS = {'total', 'available', 'held', 'sold', 'reserved', 'paid', 'refunded'}

local pools, orders, units = {}, {}, {}
local writes, records, moves, notices, definitions = {}, {}, {}, {}, {}
local payments, refunds, actions = {}, {}, {}

local function write(...) writes[#writes + 1] = {...} end

-- The pool at a key: its counters as numbers, `state` nil when there is none.
local function pool_at(key, channel, ref)
  local pool = pools[key]
  if not pool then
    local v = redis.call('HMGET', key, 'state', 'limit', 'ends', unpack(COUNTERS))
    pool = {key = key, channel = channel, ref = ref, state = v[1] or nil, limit = tonumber(v[2] or 0),
      ends = tonumber(v[3] or 0)}
    for i, counter in ipairs(COUNTERS) do pool[counter] = tonumber(v[3 + i] or 0) end
    pools[key] = pool
  end
  return pool
end

local function order_at(key)
  local order = orders[key]
  if order == nil then
    local record = redis.call('GET', key)
    order = record and cjson.decode(record) or false
    orders[key] = order
  end
  return order
end

local function units_at(key, user)
  local mine = units[key]
  if not mine then mine = {}; units[key] = mine end
  if not mine[user] then mine[user] = tonumber(redis.call('HGET', key, user) or 0) end
  return mine[user]
end

local function add_units(key, user, delta)
  local left = units_at(key, user) + delta
  units[key][user] = left
  if left > 0 then write('HSET', key, user, left) else write('HDEL', key, user) end
end

local function touch(pool) pool.dirty = true end

-- A change of what a pool was given; the ledger's stock movement `id`.
local function move(id, room, pool, delta, reason)
  pool.total, pool.moved = pool.total + delta, true
  touch(pool)
  moves[#moves + 1] = cjson.encode({id = id .. ':' .. pool.ref, room = room, pool = pool.ref, delta = delta,
    reason = reason, at = now})
end

-- A pool's rules change: the next version of them, in the store and for the ledger. `changes`: name -> value
-- of 'state', 'price', 'currency', 'limit', 'hold', 'sku', 'starts', 'ends', 'reason'; what is not named stays.
local RULES = {'state', 'sku', 'price', 'currency', 'limit', 'hold', 'starts', 'ends', 'reason', 'version', 'epoch'}
local function define(room, pool, changes)
  local v = redis.call('HMGET', pool.key, unpack(RULES))
  local rules = {}
  for i, name in ipairs(RULES) do rules[name] = changes[name] or v[i] or nil end
  rules.version, rules.epoch = tonumber(v[10] or 0) + 1, tonumber(v[11] or 1)
  local fields = {'version', rules.version, 'epoch', rules.epoch}
  for name, value in pairs(changes) do
    fields[#fields + 1], fields[#fields + 2] = name, value
  end
  write('HSET', pool.key, unpack(fields))
  -- Numbers are written as they came: cjson would round large ones.
  local function number(name) return tostring(rules[name] or 0) end
  definitions[#definitions + 1] = '{"room":' .. cjson.encode(room) .. ',"pool":' .. cjson.encode(pool.ref)
    .. ',"version":' .. number('version') .. ',"epoch":' .. number('epoch')
    .. ',"state":' .. cjson.encode(rules.state or '') .. ',"sku":' .. cjson.encode(rules.sku or '')
    .. ',"price":' .. number('price') .. ',"currency":' .. cjson.encode(rules.currency or '')
    .. ',"per_user_limit":' .. number('limit') .. ',"hold_ms":' .. number('hold')
    .. ',"starts_at":' .. number('starts') .. ',"ends_at":' .. number('ends')
    .. ',"reason":' .. cjson.encode(rules.reason or '') .. ',"at":' .. now .. '}'
end

-- Its buyer's sessions hear how an order stands, and where given (JSON) what went wrong with it.
local function tell(channel, order, record, wrong)
  local told = '{"user":' .. cjson.encode(order.user) .. ',"order":' .. record
    .. (wrong and ',"error":' .. wrong or '') .. '}'
  notices[channel] = notices[channel] and notices[channel] .. ',' .. told or told
end

-- An order takes a new status; `life` ms: how long the store keeps it, nil for ever.
local function change(key, order, status, channel, life)
  order.status, order.version, order.updated_at = status, order.version + 1, now
  local record = cjson.encode(order)
  if life then write('SET', key, record, 'PX', life) else write('SET', key, record) end
  records[#records + 1] = record
  tell(channel, order, record)
  return record
end

-- Units leave an order: to its own pool, or to the product's when its sale is over.
local function give_back(order, pool, home, quantity)
  if home ~= pool and pool.state ~= 'open' then
    local id = order.order .. ':' .. (order.version + 1)
    move(id, order.room, pool, -quantity, 'returned')
    move(id, order.room, home, quantity, 'returned')
    home.available = home.available + quantity
  else
    pool.available = pool.available + quantity
  end
  touch(pool)
end

local function finish(outbox)
  for _, args in ipairs(writes) do redis.call(unpack(args)) end
  local stock, total = {}, {}
  for key, pool in pairs(pools) do
    if pool.dirty then
      local fields = {}
      for _, counter in ipairs(COUNTERS) do
        fields[#fields + 1], fields[#fields + 2] = counter, pool[counter]
      end
      redis.call('HSET', key, unpack(fields))
      local channel, name = pool.channel, cjson.encode(string.match(pool.ref, '/(.*)'))
      local number = name .. ':' .. pool.available
      stock[channel] = stock[channel] and stock[channel] .. ',' .. number or number
      if pool.moved then
        number = name .. ':' .. pool.total
        total[channel] = total[channel] and total[channel] .. ',' .. number or number
      end
    end
  end
  local fields = {}
  if #records > 0 then fields = {'o', '[' .. table.concat(records, ',') .. ']'} end
  if #moves > 0 then
    fields[#fields + 1], fields[#fields + 2] = 'm', '[' .. table.concat(moves, ',') .. ']'
  end
  if #definitions > 0 then
    fields[#fields + 1], fields[#fields + 2] = 'd', '[' .. table.concat(definitions, ',') .. ']'
  end
  if #payments > 0 then
    fields[#fields + 1], fields[#fields + 2] = 'p', '[' .. table.concat(payments, ',') .. ']'
  end
  if #refunds > 0 then
    fields[#fields + 1], fields[#fields + 2] = 'r', '[' .. table.concat(refunds, ',') .. ']'
  end
  if #actions > 0 then
    fields[#fields + 1], fields[#fields + 2] = 'c', '[' .. table.concat(actions, ',') .. ']'
  end
  if #fields > 0 then redis.call('XADD', outbox, '*', unpack(fields)) end
  for channel, numbers in pairs(stock) do
    local totals = total[channel] and ',"total":{' .. total[channel] .. '}' or ''
    redis.call('PUBLISH', channel, 'S{"stock":{' .. numbers .. '}' .. totals .. '}')
  end
  for channel, told in pairs(notices) do redis.call('PUBLISH', channel, 'O[' .. told .. ']') end
end
