-- Stage 2's commit of one chunk: all or nothing. KEYS[1]: the shard's `at`; ARGV: the prefix of the shard's keys,
-- token, the position this worker believes in, MessagePack of {pos, watermarks, trim, outbox, cap, profiles, timelines,
-- counters, overflow, gone, departing, dropped, indexed, guests, others, state, codes, ids, taken, freed, expired, planes,
-- {bits of a new plane, bytes of the longest list}, past, due, segments, ended, figures, dropped figures,
-- sizes of snapshots, those that are of one message}. Every list is flat or of fixed shape and made by the worker alone,
-- so nothing below can fail half-way but for want of memory, which the store refuses before a script's first write.
-- `indexed` is '' where the order of idle guests stays or is not kept, '1' or '0' where it begins or ends; an empty `pos`
-- moves nothing.
local at, tag, call = KEYS[1], ARGV[1], redis.call
local held = call('HMGET', at, 'token', 'pos')
if held[1] ~= ARGV[2] or held[2] ~= ARGV[3] then return 0 end
-- A few thousand arguments are the most that Lua hands on at once.
local function in_parts(list, command, key, option)
  local answer = 0
  for i = 1, #list, 4000 do
    local last = math.min(i + 3999, #list)
    if option then answer = call(command, key, option, unpack(list, i, last))
    elseif key then answer = call(command, key, unpack(list, i, last))
    else answer = call(command, unpack(list, i, last)) end
  end
  return answer
end

local write = cmsgpack.unpack(ARGV[4])
local cap, profiles, timelines, counters, overflow = write[5], write[6], write[7], write[8], write[9]

in_parts(profiles, 'MSET')
for i = 1, #timelines, 2 do
  local key, entries = timelines[i], timelines[i + 1]
  local length = in_parts(entries, 'RPUSH', key)
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
in_parts(guests, 'ZADD', tag .. 'idle')
in_parts(others, 'ZREM', tag .. 'idle')

local state, codes, ids, taken, freed, expired, planes = write[16], write[17], write[18], write[19], write[20], write[21], write[22]
if #state > 0 then call('HSET', tag .. 'q:n', unpack(state)) end
for i = 1, #codes, 2 do
  local key, pairs = tag .. 'q:c' .. codes[i], codes[i + 1]
  in_parts(pairs, 'HSET', key)
end
for i = 1, #ids, 2 do call('SETRANGE', tag .. 'q:ids', ids[i] * 16, ids[i + 1]) end
if taken > 0 then call('LTRIM', tag .. 'q:free', 0, -taken - 1) end
if #freed > 0 then call('RPUSH', tag .. 'q:free', unpack(freed)) end
for i = 1, #expired do call('UNLINK', tag .. 'q:p' .. expired[i], tag .. 'q:l' .. expired[i]) end
local function set(key, numbers, bit)
  for i = 1, #numbers, 3 do
    local a, b, c = numbers:byte(i, i + 2)
    call('SETBIT', key, a * 65536 + b * 256 + c, bit)
  end
end
for i = 1, #planes, 5 do
  local name, on, off = planes[i], planes[i + 2], planes[i + 3]
  local key, list = tag .. 'q:p' .. name, tag .. 'q:l' .. name
  local is_new = call('EXISTS', key) == 0
  if is_new and planes[i + 1] == 1 then
    if off ~= '' then
      local held, gone, left = call('GET', list), {}, {}
      for j = 1, #off, 3 do gone[off:sub(j, j + 2)] = true end
      for j = 1, #held, 3 do
        local number = held:sub(j, j + 2)
        if not gone[number] then left[#left + 1] = number end
      end
      if #left > 0 then call('SET', list, table.concat(left)) else call('UNLINK', list) end
    end
    if on ~= '' and call('APPEND', list, on) > write[23][2] then
      local held = call('GET', list)
      call('SETBIT', key, write[23][1] - 1, 0)
      set(key, held, 1)
      call('UNLINK', list)
    end
  else
    if is_new then call('SETBIT', key, write[23][1] - 1, 0) end
    set(key, on, 1)
    set(key, off, 0)
    if #planes[i + 4] > 0 then call('BITFIELD', key, unpack(planes[i + 4])) end
  end
end

local past, due, segments, ended = write[24], write[25], write[26], write[27]
in_parts(past, 'ZREM', tag .. 's:due')
in_parts(due, 'ZADD', tag .. 's:due', 'LT')
if #segments > 0 then call('HSET', tag .. 's:n', unpack(segments)) end
if #ended > 0 then call('HDEL', tag .. 's:n', unpack(ended)) end

local figures, uncounted = write[28], write[29]
in_parts(figures, 'HSET', tag .. 'fig')
in_parts(uncounted, 'HDEL', tag .. 'fig')
in_parts(write[30], 'HSET', tag .. 'snap')
in_parts(write[31], 'HDEL', tag .. 'snap')

if write[3] > 0 then call('LTRIM', tag .. 'out', write[3], -1) end
if write[4] ~= '' then call('RPUSH', tag .. 'out', write[4]) end
if write[1] ~= '' then call('HSET', at, 'pos', write[1], 'watermarks', write[2]) end
return 1
