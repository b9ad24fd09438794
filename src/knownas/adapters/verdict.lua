-- Whether a commit took place that somebody has left intents of; one that has not may not take place any more.
-- KEYS[1]: the partition's `at`; ARGV: the token and the number of the commit.
-- A commit under an older token cannot take place anyway, and one that did was carried out when the token changed.
local held = redis.call('HMGET', KEYS[1], 'token', 'txn', 'aborted')
if held[2] == ARGV[1] .. ':' .. ARGV[2] then return 1 end
if held[1] == ARGV[1] and tonumber(held[3] or '0') < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'aborted', ARGV[2])
end
return 0
