-- Make a room's log, unless the room exists.
-- KEYS[1] {room:ID}:state  hash: epoch, seq, room, product:<sku>, sale:<id>
-- KEYS[2] {room:ID}:log    stream of events, entry id <seq>-0
-- ARGV[1] epoch   ARGV[2] the room's document (JSON)
-- Returns 1 when made, 0 when the id is taken.
local state, log = KEYS[1], KEYS[2]
local epoch, document = ARGV[1], ARGV[2]

if redis.call('EXISTS', state) == 1 then
  return 0
end
redis.call('DEL', log)
redis.call('HSET', state, 'epoch', epoch, 'seq', 0, 'room', document)
return 1
