-- Stage 2's commit of one chunk: all or nothing. KEYS[1]: the shard's `at`; ARGV: the prefix of the shard's keys,
-- token, the position this worker believes in, MessagePack of {pos, watermarks, trim, outbox, cap, profiles, timelines,
-- counters, overflow, gone, departing, dropped, indexed, guests, others}. Every list is flat or of fixed shape and made
-- by the worker alone, so nothing below can fail half-way but for want of memory, which the store refuses before a
-- script's first write. `indexed` is '' where the order of idle guests stays or is not kept, '1' or '0' where it begins or
-- ends; an empty `pos` moves nothing.
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

local gone, departing, dropped, indexed, guests, others = write[10], write[11], write[12], write[13], write[14], write[15]
for i = 1, #gone do call('UNLINK', gone[i]) end
for i = 1, #departing, 2 do
  local from, to = departing[i], departing[i + 1]
  if call('EXISTS', to) == 1 then
    call('ZUNIONSTORE', to, 2, to, from, 'AGGREGATE', 'MAX')
    call('UNLINK', from)
  elseif call('EXISTS', from) == 1 then
    call('RENAME', from, to)
  end
end
for i = 1, #dropped, 2 do call('ZREM', dropped[i], unpack(dropped[i + 1])) end
if indexed == '0' then
  call('UNLINK', tag .. 'idle')
  call('HDEL', at, 'indexed')
elseif indexed == '1' then
  call('HSET', at, 'indexed', '1')
end
for i = 1, #guests, 4000 do
  call('ZADD', tag .. 'idle', unpack(guests, i, math.min(i + 3999, #guests)))
end
for i = 1, #others, 4000 do
  call('ZREM', tag .. 'idle', unpack(others, i, math.min(i + 3999, #others)))
end

if write[3] > 0 then call('LTRIM', tag .. 'out', write[3], -1) end
if write[4] ~= '' then call('RPUSH', tag .. 'out', write[4]) end
if write[1] ~= '' then call('HSET', at, 'pos', write[1], 'watermarks', write[2]) end
return 1
