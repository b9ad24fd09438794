-- Stage 2's commit of one chunk: all or nothing. KEYS[1]: the shard's `at`; ARGV: the prefix of the shard's keys,
-- token, the position this worker believes in, MessagePack of {pos, watermarks, trim, outbox, cap, profiles, timelines,
-- counters, overflow}. Every list is flat or of fixed shape and made by the worker alone, so nothing below can fail
-- half-way but for want of memory, which the store refuses before a script's first write.
local at, tag, call = KEYS[1], ARGV[1], redis.call
local held = call('HMGET', at, 'token', 'pos')
if held[1] ~= ARGV[2] or held[2] ~= ARGV[3] then return 0 end
local write = cmsgpack.unpack(ARGV[4])
local cap, profiles, timelines, counters, overflow = write[5], write[6], write[7], write[8], write[9]

for i = 1, #profiles, 4000 do
  call('MSET', unpack(profiles, i, math.min(i + 3999, #profiles)))
end
for i = 1, #timelines, 2 do
  local key, entries = timelines[i], timelines[i + 1]
  local length = 0
  for j = 1, #entries, 4000 do
    length = call('RPUSH', key, unpack(entries, j, math.min(j + 3999, #entries)))
  end
  if length > cap then call('LTRIM', key, -cap, -1) end
end
for i = 1, #counters, 2 do call('HINCRBY', tag .. 'n', counters[i], counters[i + 1]) end
for i = 1, #overflow, 3 do call('ZADD', overflow[i], overflow[i + 1], overflow[i + 2]) end
if write[3] > 0 then call('LTRIM', tag .. 'out', write[3], -1) end
if write[4] ~= '' then call('RPUSH', tag .. 'out', write[4]) end
call('HSET', at, 'pos', write[1], 'watermarks', write[2])
return 1
