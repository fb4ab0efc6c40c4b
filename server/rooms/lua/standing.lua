-- Whether a viewer is silenced now, on the store's clock.
-- KEYS[1] {room:ID}:muted    KEYS[2] {room:ID}:muted:reasons
-- KEYS[3] {room:ID}:kicked   KEYS[4] {room:ID}:kicked:reasons
-- ARGV[1] user
-- Returns {muted until, reason, kicked until, reason}, 0 and '' where not or no more.
local user = ARGV[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local standing = {}
for index = 1, 3, 2 do
  local deadline = tonumber(redis.call('ZSCORE', KEYS[index], user) or '0')
  if deadline > now then
    standing[index] = deadline
    standing[index + 1] = redis.call('HGET', KEYS[index + 1], user) or ''
  else
    standing[index], standing[index + 1] = 0, ''
  end
end
return standing
