-- Put a captured payment that cannot pay an order among the returns, once.
-- KEYS[1] outbox  KEYS[2] returns  KEYS[3] the order it was for  KEYS[4] the payment's mark
-- ARGV[1] payment  ARGV[2] member for returns  ARGV[3] head of the ledger's row  ARGV[4] reason (JSON)
-- ARGV[5] ms until the sweeper returns it  ARGV[6] life of the mark, ms  ARGV[7] 1: only where there is no such order
-- returns 1 goes back, also where it was put there before; 2 it pays the order;
--   0 there is such an order
local order = order_at(KEYS[3])
if order and ARGV[7] == '1' then return 0 end
if order and order.payment == ARGV[1] then return 2 end
if redis.call('EXISTS', KEYS[4]) == 1 then return 1 end
write('SET', KEYS[4], -1, 'PX', ARGV[6])
write('ZADD', KEYS[2], now + tonumber(ARGV[5]), ARGV[2])
payments[1] = ARGV[3] .. ',"what":"unused","at":' .. now .. ',"reason":' .. ARGV[4] .. '}'
finish(KEYS[1])
return 1
