-- Nothing is done on a store without its mark: emptied under a running server, or frozen.
-- KEYS[#KEYS] the partition's mark, beside those that the script names
if redis.call('EXISTS', KEYS[#KEYS]) == 0 then
  return redis.error_reply('FROZEN this store was not checked against the ledger')
end
KEYS[#KEYS] = nil
