-- Put events into a room's log, store what they changed, and tell every node; all of it or nothing.
-- KEYS[1] {room:ID}:state  KEYS[2] {room:ID}:log
-- ARGV[1] epoch and ARGV[2] seq of the state the events were decided on   ARGV[3] events the log keeps
-- ARGV[4] the room's channel   ARGV[5] number of events   ARGV[6] number of documents to set
-- then the events (JSON), then field and document pairs, then fields to delete
-- Returns the seq of the last event; -1 when the room has moved on or is gone (nothing was written).
local state, log = KEYS[1], KEYS[2]
local epoch, seq, keep, channel = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local events, sets = tonumber(ARGV[5]), tonumber(ARGV[6])

local known = redis.call('HMGET', state, 'epoch', 'seq')
if known[1] ~= epoch or known[2] ~= seq then
  return -1
end

local at = 6
local last = tonumber(seq)
for index = at + 1, at + events do
  last = last + 1
  local number = string.format('%.0f', last)
  redis.call('XADD', log, 'MAXLEN', '~', keep, number .. '-0', 'event', ARGV[index])
  redis.call('PUBLISH', channel,
    'L{"epoch":"' .. epoch .. '","seq":' .. number .. ',"event":' .. ARGV[index] .. '}')
end
at = at + events
for index = at + 1, at + 2 * sets, 2 do
  redis.call('HSET', state, ARGV[index], ARGV[index + 1])
end
at = at + 2 * sets
for index = at + 1, #ARGV do
  redis.call('HDEL', state, ARGV[index])
end
redis.call('HSET', state, 'seq', string.format('%.0f', last))
return last
