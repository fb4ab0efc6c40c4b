-- Silence a viewer until a deadline on the store's clock, or lift that, and tell every node.
-- KEYS[1] {room:ID}:muted or {room:ID}:kicked                   sorted set: user by deadline (ms)
-- KEYS[2] {room:ID}:muted:reasons or {room:ID}:kicked:reasons  hash: user -> reason
-- KEYS[3] {room:ID}:silenced                                    sorted set: user by when last muted or kicked (ms), a day long
-- ARGV[1] user   ARGV[2] duration in ms; -1: for good; 0: lift
-- ARGV[3] the deadline that stands for good   ARGV[4] users each set may hold   ARGV[5] reason
-- ARGV[6] the room's channel   ARGV[7] the notice (JSON object) without its closing brace
-- Returns the deadline (0 when lifted), -1 when the set is full (nobody was silenced).
local deadlines, reasons, silenced = KEYS[1], KEYS[2], KEYS[3]
local user, duration, forever, most = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local reason, channel, notice = ARGV[5], ARGV[6], ARGV[7]
local day = 86400000

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local deadline, told = '0', '0'
if duration < 0 then
  deadline, told = forever, 'null'
elseif duration > 0 then
  deadline = string.format('%.0f', now + duration)
  told = deadline
end

for _, expired in ipairs(redis.call('ZRANGE', deadlines, '-inf', string.format('%.0f', now), 'BYSCORE')) do
  redis.call('ZREM', deadlines, expired)
  redis.call('HDEL', reasons, expired)
end
if duration == 0 then
  redis.call('ZREM', deadlines, user)
  redis.call('HDEL', reasons, user)
else
  if redis.call('ZCARD', deadlines) >= most and not redis.call('ZSCORE', deadlines, user) then
    return -1
  end
  redis.call('ZADD', deadlines, deadline, user)
  redis.call('HSET', reasons, user, reason)
  redis.call('ZADD', silenced, string.format('%.0f', now), user)
  redis.call('ZREMRANGEBYSCORE', silenced, '-inf', string.format('%.0f', now - day))
  redis.call('ZREMRANGEBYRANK', silenced, 0, -(most + 1))
  redis.call('PEXPIRE', silenced, day)
end
redis.call('PUBLISH', channel, 'D' .. notice .. ',"until":' .. told .. '}')
return tonumber(deadline)
