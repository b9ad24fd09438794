-- Works out sets of people of one shard (`knownas.find.algebra`), counts them, and shows some.
-- KEYS[1]: the shard's `q:n`. ARGV: the prefix of its keys, the input in MessagePack:
-- {expected, outputs, page}; the steps in MessagePack. An operand is a register (a number) or a plane (its name).
-- `expected`: {length of q:n, oldest day, zones ('1' or '0'), code hash, length, ...}: what the steps rest on. Where it is
-- no more so, the answer is {}: they are to be planned anew. Not asked where the list is empty.
-- `outputs`: {what, operand, most, ...}: 'n' the count; 'b' the bits, or false where there are more than `most`.
-- `page`: {operand, k, slice planes from the highest, after, from, others}: the k with the highest numbers in a slice, each
-- as number and value. `after` -1: from the top; else those below that value, and of that value those numbered `from` or
-- later. `others`: people to show beside the operand's, three bytes each.
-- Nothing of this is written to disk or sent to replicas; registers are gone afterwards.
local call = redis.call
local tag, input = ARGV[1], cmsgpack.unpack(ARGV[2])
local expected, outputs, page = input[1], input[2], input[3]
if #expected > 0 then
  if call('HLEN', KEYS[1]) ~= expected[1] or (call('HGET', KEYS[1], 'oldest') or '') ~= expected[2] then return {} end
  if tostring(call('EXISTS', tag .. 'q:pzone')) ~= expected[3] then return {} end
  for i = 4, #expected, 2 do
    if call('HLEN', tag .. 'q:c' .. expected[i]) ~= expected[i + 1] then return {} end
  end
end
redis.set_repl(redis.REPL_NONE)
local steps = cmsgpack.unpack(ARGV[3])

local made, lists = {}, {}
local function register(name)
  local key = tag .. 'q:t' .. name
  made[key] = true
  return key
end

local bor, band, size = bit.bor, bit.band, false
local masks = {[0] = 128, 64, 32, 16, 8, 4, 2, 1}
local function bytes_of_a_plane()
  size = size or call('STRLEN', tag .. 'q:pall')
  local bytes = {}
  for i = 1, size do bytes[i] = 0 end
  return bytes
end

local function set_bytes(key, bytes)
  local parts = {}
  for i = 1, size, 4000 do parts[#parts + 1] = string.char(unpack(bytes, i, math.min(i + 3999, size))) end
  call('SET', key, table.concat(parts))
end

-- Makes a plane of lists. With many in them its bytes are put together here, which takes a third of as many SETBITs.
local function turn_on(key, lists)
  local count = 0
  for l = 1, #lists do count = count + #lists[l] / 3 end
  size = size or call('STRLEN', tag .. 'q:pall')
  call('UNLINK', key)
  local bytes = count >= size / 32 and bytes_of_a_plane()
  for l = 1, #lists do
    local packed = lists[l]
    for i = 1, #packed, 3 do
      local a, b, c = packed:byte(i, i + 2)
      if bytes then
        local low = c % 8
        local at = a * 8192 + b * 32 + (c - low) / 8 + 1
        bytes[at] = bor(bytes[at], masks[low])
      else
        call('SETBIT', key, (a * 256 + b) * 256 + c, 1)
      end
    end
  end
  if bytes then set_bytes(key, bytes) end
end

-- A plane of a day or of a list's item may be kept as a list.
local function list_of(name)
  local first = name:byte(1)
  if first ~= 100 and first ~= 105 then return false end
  local packed = lists[name]
  if packed == nil then
    packed = call('GET', tag .. 'q:l' .. name)
    lists[name] = packed
  end
  return packed
end

local function key_of(operand)
  if type(operand) == 'number' then return register(operand) end
  local packed = list_of(operand)
  if not packed then return tag .. 'q:p' .. operand end
  local key = tag .. 'q:tl' .. operand
  if not made[key] then
    made[key] = true
    turn_on(key, {packed})
  end
  return key
end

-- Who is in two of some planes or more. Lists are counted here.
local function twice(step)
  local once, found, both, part = register('1'), register(step[2]), register('2'), register('3')
  local ones, twos, has_planes = false, false, false
  call('UNLINK', once, found)
  for i = 3, #step do
    local packed = list_of(step[i])
    if packed then
      if not ones then ones, twos = bytes_of_a_plane(), bytes_of_a_plane() end
      for j = 1, #packed, 3 do
        local a, b, c = packed:byte(j, j + 2)
        local low = c % 8
        local at, mask = a * 8192 + b * 32 + (c - low) / 8 + 1, masks[low]
        local held = ones[at]
        if band(held, mask) == 0 then ones[at] = held + mask else twos[at] = bor(twos[at], mask) end
      end
    else
      local key = tag .. 'q:p' .. step[i]
      if call('EXISTS', key) == 1 then
        if has_planes then
          call('BITOP', 'AND', both, once, key)
          call('BITOP', 'OR', found, found, both)
        end
        call('BITOP', 'OR', once, once, key)
        has_planes = true
      end
    end
  end
  if not ones then return end
  set_bytes(part, twos)
  call('BITOP', 'OR', found, found, part)
  if has_planes then
    set_bytes(part, ones)
    call('BITOP', 'AND', both, once, part)
    call('BITOP', 'OR', found, found, both)
  end
end

local function run(step)
  if step[1] == 'TWICE' then return twice(step) end
  local keys, several = {step[1], register(step[2])}, {}
  for i = 3, #step do
    local packed = step[1] == 'OR' and type(step[i]) == 'string' and list_of(step[i])
    if packed and not made[tag .. 'q:tl' .. step[i]] then
      several[#several + 1] = packed
    else
      keys[#keys + 1] = key_of(step[i])
    end
  end
  if #several > 0 then
    local key = register('o')
    turn_on(key, several)
    keys[#keys + 1] = key
  end
  call('BITOP', unpack(keys))
end

local function output(what, operand, most)
  if operand == '' then return what == 'n' and 0 or '' end
  local key = key_of(operand)
  if what == 'n' then return call('BITCOUNT', key) end
  if most >= 0 and call('BITCOUNT', key) > most then return false end
  return call('GET', key) or ''
end

local function without(into, these, those)
  local shared = register('s')
  call('BITOP', 'AND', shared, these, those)
  call('BITOP', 'XOR', into, these, shared)
end

-- Those who come after a place: a lower value, or the same and a number from `from` on.
local function beyond(rest, slice, after, from)
  local same, less, part = register('e'), register('b'), register('x')
  call('BITOP', 'OR', same, rest)
  call('UNLINK', less)
  for i = 1, #slice do
    local bit = tag .. 'q:p' .. slice[i]
    if math.floor(after / 2 ^ (#slice - i)) % 2 == 1 then
      without(part, same, bit)
      call('BITOP', 'OR', less, less, part)
      call('BITOP', 'AND', same, same, bit)
    else
      without(same, same, bit)
    end
  end
  local length = call('STRLEN', same)
  local whole = math.floor(from / 8)
  if whole >= length then
    call('UNLINK', same)
  elseif from > 0 then
    call('SETRANGE', same, 0, string.rep('\0', whole))
    for n = whole * 8, from - 1 do call('SETBIT', same, n, 0) end
  end
  call('BITOP', 'OR', rest, less, same)
end

local function first_of(key, k, found)
  local at = -1
  while k > 0 do
    at = call('BITPOS', key, 1, at + 1, -1, 'BIT')
    if at < 0 then return end
    found[#found + 1] = at
    k = k - 1
  end
end

local function values_of(found, slice)
  local values = {}
  for i = 1, #found do values[i] = 0 end
  for b = 1, #slice do
    local bytes = call('GET', tag .. 'q:p' .. slice[b]) or ''
    for i = 1, #found do
      local n = found[i]
      local byte = bytes:byte((n - n % 8) / 8 + 1) or 0
      values[i] = values[i] * 2 + math.floor(byte / 2 ^ (7 - n % 8)) % 2
    end
  end
  return values
end

local function shown(operand, k, slice, after, from, others)
  local rest, part, found = register('r'), register('p'), {}
  if operand == '' then call('UNLINK', rest) else call('BITOP', 'OR', rest, key_of(operand)) end
  if #others > 0 then
    turn_on(part, {others})
    call('BITOP', 'OR', rest, rest, part)
  end
  if after >= 0 then beyond(rest, slice, after, from) end
  for i = 1, #slice do
    if k > 0 then
      call('BITOP', 'AND', part, rest, tag .. 'q:p' .. slice[i])
      local n = call('BITCOUNT', part)
      if n >= k then
        call('BITOP', 'OR', rest, part)
      elseif n > 0 then
        first_of(part, n, found)
        without(rest, rest, part)
        k = k - n
      end
    end
  end
  first_of(rest, k, found)
  local values, rows = values_of(found, slice), {}
  for i = 1, #found do rows[i * 2 - 1], rows[i * 2] = found[i], values[i] end
  return rows
end

local ok, result = pcall(function()
  local results = {}
  for i = 1, #steps do run(steps[i]) end
  for i = 1, #outputs, 3 do results[#results + 1] = output(outputs[i], outputs[i + 1], outputs[i + 2]) end
  if page then results[#results + 1] = shown(unpack(page)) end
  return results
end)
local left = {}
for key in pairs(made) do left[#left + 1] = key end
for i = 1, #left, 1000 do call('UNLINK', unpack(left, i, math.min(i + 999, #left))) end
if not ok then return redis.error_reply('ERR ' .. tostring(type(result) == 'table' and result.err or result)) end
return result
