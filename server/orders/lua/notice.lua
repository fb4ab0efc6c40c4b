-- Remember what a payment notice did, once, and tell the ledger; also strikes a payment off the returns.
-- KEYS[1] outbox  KEYS[2] the notice  KEYS[3] returns
-- ARGV[1] result (JSON)  ARGV[2] memory, ms  ARGV[3] row for the ledger (JSON)  ARGV[4] member to strike off, or ''
-- ARGV[5] row for the ledger about the payment (JSON), or ''
-- returns the result that stands: an earlier one where there was one
local known = redis.call('GET', KEYS[2])
if ARGV[4] ~= '' then redis.call('ZREM', KEYS[3], ARGV[4]) end
if known then return known end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
if ARGV[5] ~= '' then
  redis.call('XADD', KEYS[1], '*', 'n', '[' .. ARGV[3] .. ']', 'p', '[' .. ARGV[5] .. ']')
else
  redis.call('XADD', KEYS[1], '*', 'n', '[' .. ARGV[3] .. ']')
end
return ARGV[1]
