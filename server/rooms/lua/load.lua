-- A whole room at one instant.
-- KEYS[1] {room:ID}:state  KEYS[2] {room:ID}:nodes  KEYS[3] {room:ID}:totals
-- Returns {fields and values of the state (flat), online, peak, likes}; the first is empty without the room.
local state, nodes, totals = KEYS[1], KEYS[2], KEYS[3]

local online = 0
for _, value in ipairs(redis.call('HVALS', nodes)) do
  online = online + tonumber(string.match(value, '^(%d+):'))
end
local counted = redis.call('HMGET', totals, 'peak', 'likes')
return {
  redis.call('HGETALL', state),
  online,
  tonumber(counted[1] or '0'),
  tonumber(counted[2] or '0'),
}
