-- Everybody who is silenced in a room now, and who was lately, on the store's clock.
-- KEYS[1] {room:ID}:muted    KEYS[2] {room:ID}:muted:reasons
-- KEYS[3] {room:ID}:kicked   KEYS[4] {room:ID}:kicked:reasons
-- KEYS[5] {room:ID}:silenced
-- ARGV[1] since when (ms)
-- Returns {muted, kicked, lately}: the first two {user, until, reason, user, until, reason, ...}, the last
-- {user, when, user, when, ...}, who was muted or kicked at ARGV[1] or after, whether that has ended or not.
local time = redis.call('TIME')
local now = string.format('(%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
local lists = {}
for index = 1, 3, 2 do
  local list = {}
  local found = redis.call('ZRANGE', KEYS[index], now, '+inf', 'BYSCORE', 'WITHSCORES')
  for at = 1, #found, 2 do
    list[#list + 1] = found[at]
    list[#list + 1] = tonumber(found[at + 1])
    list[#list + 1] = redis.call('HGET', KEYS[index + 1], found[at]) or ''
  end
  lists[#lists + 1] = list
end
local lately = redis.call('ZRANGE', KEYS[5], ARGV[1], '+inf', 'BYSCORE', 'WITHSCORES')
for at = 2, #lately, 2 do
  lately[at] = tonumber(lately[at])
end
lists[#lists + 1] = lately
return lists
