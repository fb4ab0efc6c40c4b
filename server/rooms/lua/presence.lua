-- One node's report of a room: who watches there, and the likes since its last report.
-- KEYS[1] {room:ID}:nodes   hash: node -> <online>:<time of the report>
-- KEYS[2] {room:ID}:totals  hash: peak, likes, told (the last totals published)
-- ARGV[1] node   ARGV[2] online (0: the node left)   ARGV[3] likes to add
-- ARGV[4] ms of silence after which a node counts no more   ARGV[5] the room's channel
-- Returns {online, peak, likes}; publishes them when they differ from what was last told.
local nodes, totals = KEYS[1], KEYS[2]
local node, online, likes = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local silence, channel = tonumber(ARGV[4]), ARGV[5]

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local total = online
local reports = redis.call('HGETALL', nodes)
for index = 1, #reports, 2 do
  if reports[index] ~= node then
    local watching, at = string.match(reports[index + 1], '^(%d+):(%d+)$')
    if now - tonumber(at) > silence then
      redis.call('HDEL', nodes, reports[index])
    else
      total = total + tonumber(watching)
    end
  end
end
if online > 0 then
  redis.call('HSET', nodes, node, string.format('%.0f:%.0f', online, now))
else
  redis.call('HDEL', nodes, node)
end
-- Where every node falls silent at once nobody is left to prune: the whole hash goes by itself.
redis.call('PEXPIRE', nodes, silence)

local liked = redis.call('HINCRBY', totals, 'likes', likes)
local known = redis.call('HMGET', totals, 'peak', 'told')
local peak = tonumber(known[1] or '0')
if total > peak then
  peak = total
  redis.call('HSET', totals, 'peak', string.format('%.0f', peak))
end
local told = string.format('{"online":%.0f,"peak":%.0f,"likes":%.0f}', total, peak, liked)
if told ~= known[2] then
  redis.call('HSET', totals, 'told', told)
  redis.call('PUBLISH', channel, 'N' .. told)
end
return {total, peak, liked}
