-- Every event after one that a reader has, or nothing at all.
-- KEYS[1] {room:ID}:state  KEYS[2] {room:ID}:log
-- ARGV[1] the reader's epoch   ARGV[2] the last seq it applied
-- Returns the events (JSON) after it, in order; nil when some are no longer in the log, when the epoch
-- is another, or when the reader is ahead of the log.
local state, log = KEYS[1], KEYS[2]
local epoch, seq = ARGV[1], tonumber(ARGV[2])

local known = redis.call('HMGET', state, 'epoch', 'seq')
if known[1] ~= epoch then
  return false
end
local missing = tonumber(known[2]) - seq
local entries = redis.call('XRANGE', log, string.format('%.0f-0', seq + 1), '+')
if #entries ~= missing then
  return false
end
local events = {}
for index, entry in ipairs(entries) do
  events[index] = entry[2][2]
end
return events
