-- Puts a value in the place of another. KEYS[1]: a string; ARGV: the value expected, the one to put; '' means none.
-- Returns whether the expected one was there.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('UNLINK', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
return 1
