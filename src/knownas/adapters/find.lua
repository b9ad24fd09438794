-- Works out sets of people of one shard (`knownas.find.algebra`), counts them, and shows some.
-- KEYS[1]: the shard's `q:n`. ARGV: the prefix of its keys, and in MessagePack: {outputs, page}; `expected`; the steps.
-- An operand is a register (a number) or a plane (its name, after a '?' where it may be kept as a list).
-- `expected`: {length of q:n, oldest day, latest day, which rebuild made it, planes that are not there, code hash,
-- length, ...}: what the steps rest on. Where it is no more so, the answer is {}: they are to be planned anew. Not asked
-- where the list is empty.
-- `outputs`: {what, operand, most, ...}: 'n' the count; 'b' the bits, or false where there are more than `most`.
-- `page`: {operand, k, slice planes from the highest, after, from, others}: the k with the highest numbers in a slice, each
-- as number and value. `after` -1: from the top; else those below that value, and of that value those numbered `from` or
-- later. `others`: people to show beside the operand's, three bytes each.
-- Nothing of this is written to disk or sent to replicas; registers are gone afterwards.
local call = redis.call
local tag, input, expected = ARGV[1], cmsgpack.unpack(ARGV[2]), cmsgpack.unpack(ARGV[3])
local outputs, page = input[1], input[2]
local plane, list = tag .. 'q:p', tag .. 'q:l'
if #expected > 0 then
  local held = call('HMGET', KEYS[1], 'oldest', 'latest', 'made')
  for i = 1, 3 do
    if (held[i] or '') ~= expected[i + 1] then return {} end
  end
  if call('HLEN', KEYS[1]) ~= expected[1] then return {} end
  local absent, keys = expected[5], {}
  for i = 1, #absent do
    local name = absent[i]
    if name:byte(1) == 63 then
      keys[#keys + 1] = list .. name:sub(2)
      name = name:sub(2)
    end
    keys[#keys + 1] = plane .. name
  end
  for i = 1, #keys, 4000 do
    if call('EXISTS', unpack(keys, i, math.min(i + 3999, #keys))) > 0 then return {} end
  end
  for i = 6, #expected, 2 do
    if call('HLEN', tag .. 'q:c' .. expected[i]) ~= expected[i + 1] then return {} end
  end
end
redis.set_repl(redis.REPL_NONE)
local steps = cmsgpack.unpack(ARGV[4])

local made, lists = {}, {}
local function register(name)
  local key = tag .. 'q:t' .. name
  made[key] = true
  return key
end

local size, byte = false, string.byte
local masks = {[0] = 128, 64, 32, 16, 8, 4, 2, 1}
local function no_bytes()
  size = size or call('STRLEN', plane .. 'all')
  local bytes = {}
  for i = 1, size do bytes[i] = 0 end
  return bytes
end

local function set_bytes(key, bytes)
  local parts = {}
  for i = 1, size, 4000 do parts[#parts + 1] = string.char(unpack(bytes, i, math.min(i + 3999, size))) end
  call('SET', key, table.concat(parts))
end

-- Notes the numbers of a list in `ones`; those that are there already in `twos`, if that is wanted.
local function note(packed, ones, twos)
  for i = 1, #packed, 3 do
    local a, b, c = byte(packed, i, i + 2)
    local low = c % 8
    local at, mask = a * 8192 + b * 32 + (c - low) / 8 + 1, masks[low]
    local held = ones[at]
    if held % (mask + mask) < mask then
      ones[at] = held + mask
    elseif twos and twos[at] % (mask + mask) < mask then
      twos[at] = twos[at] + mask
    end
  end
end

-- Makes a plane of lists. With many in them its bytes are put together here, which takes a fifth of as many SETBITs.
local function turn_on(key, packed)
  local count = 0
  for l = 1, #packed do count = count + #packed[l] / 3 end
  size = size or call('STRLEN', plane .. 'all')
  call('UNLINK', key)
  if count >= size / 24 then
    local bytes = no_bytes()
    for l = 1, #packed do note(packed[l], bytes) end
    return set_bytes(key, bytes)
  end
  for l = 1, #packed do
    for i = 1, #packed[l], 3 do
      local a, b, c = byte(packed[l], i, i + 2)
      call('SETBIT', key, a * 65536 + b * 256 + c, 1)
    end
  end
end

-- The planes of some operands that are lists, in one call.
local function look_up(operands, first)
  local names, keys = {}, {}
  for i = first, #operands do
    local name = operands[i]
    if type(name) == 'string' and lists[name] == nil and name:byte(1) == 63 then
      names[#names + 1], keys[#keys + 1] = name, list .. name:sub(2)
    end
  end
  if #keys == 0 then return end
  local found = call('MGET', unpack(keys))
  for i = 1, #names do lists[names[i]] = found[i] end
end

local function key_of(operand)
  if type(operand) == 'number' then return register(operand) end
  if operand:byte(1) ~= 63 then return plane .. operand end
  look_up({operand}, 1)
  local packed = lists[operand]
  if not packed then return plane .. operand:sub(2) end
  local key = tag .. 'q:tl' .. operand
  if not made[key] then
    made[key] = true
    turn_on(key, {packed})
  end
  return key
end

-- Who is in two of some keys or more: in a grid, two of them are in different rows or in different columns.
local function pairs_of(keys, into, depth)
  local part, n = register('g' .. depth), #keys
  if n < 4 then
    call('BITOP', 'AND', into, keys[1], keys[2])
    if n == 3 then
      call('BITOP', 'OR', part, keys[1], keys[2])
      call('BITOP', 'AND', part, part, keys[3])
      call('BITOP', 'OR', into, into, part)
    end
    return
  end
  local width, lines = math.ceil(math.sqrt(n)), {{}, {}}
  for i = 1, n do
    local column = (i - 1) % width + 1
    local places = {(i - column) / width + 1, column}
    for way = 1, 2 do
      local line = lines[way][places[way]] or {}
      line[#line + 1] = keys[i]
      lines[way][places[way]] = line
    end
  end
  for way = 1, 2 do
    for i = 1, #lines[way] do
      local line = lines[way][i]
      if #line == 1 then
        lines[way][i] = line[1]
      else
        local joined = register('g' .. depth .. '.' .. i)
        call('BITOP', 'OR', joined, unpack(line))
        lines[way][i] = joined
      end
    end
    pairs_of(lines[way], way == 1 and into or part, depth + 1)
  end
  call('BITOP', 'OR', into, into, part)
end

-- Some keys into one. Beyond 16 of them BITOP leaves its fast path: 30 take eleven times as long as 16.
local function join(operation, into, keys)
  for i = 2, #keys do
    if keys[i] == into then keys[1], keys[i] = into, keys[1] end
  end
  call('BITOP', operation, into, unpack(keys, 1, math.min(16, #keys)))
  for i = 17, #keys, 15 do call('BITOP', operation, into, into, unpack(keys, i, math.min(i + 14, #keys))) end
end

-- Who is in two of some planes or more. Lists are counted here.
local function twice(step)
  local found, part, both = register(step[2]), register('l'), register('m')
  local bits, ones, twos = {}, false, false
  call('UNLINK', found)
  look_up(step, 3)
  for i = 3, #step do
    local packed = lists[step[i]]
    if packed then
      if not ones then ones, twos = no_bytes(), no_bytes() end
      note(packed, ones, twos)
    else
      bits[#bits + 1] = key_of(step[i])
    end
  end
  if #bits > 1 then pairs_of(bits, found, 1) end
  if not ones then return end
  set_bytes(part, twos)
  call('BITOP', 'OR', found, found, part)
  if #bits == 0 then return end
  set_bytes(part, ones)
  join('OR', both, bits)
  call('BITOP', 'AND', both, both, part)
  call('BITOP', 'OR', found, found, both)
end

local function run(step)
  if step[1] == 'TWICE' then return twice(step) end
  local keys, several = {}, {}
  look_up(step, 3)
  for i = 3, #step do
    local packed = step[1] == 'OR' and lists[step[i]]
    if packed and not made[tag .. 'q:tl' .. step[i]] then
      several[#several + 1] = packed
    else
      keys[#keys + 1] = key_of(step[i])
    end
  end
  if #several > 0 then
    keys[#keys + 1] = register('o')
    turn_on(keys[#keys], several)
  end
  join(step[1], register(step[2]), keys)
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
    local bit = plane .. slice[i]
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
  local values, keys = {}, {}
  for i = 1, #found do values[i] = 0 end
  for b = 1, #slice do keys[b] = plane .. slice[b] end
  local planes = #slice > 0 and call('MGET', unpack(keys)) or {}
  for b = 1, #slice do
    for i = 1, #found do
      local n = found[i]
      local low = n % 8
      local held = planes[b] and byte(planes[b], (n - low) / 8 + 1) or 0
      values[i] = values[i] * 2 + (held % (masks[low] * 2) >= masks[low] and 1 or 0)
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
      call('BITOP', 'AND', part, rest, plane .. slice[i])
      local n = call('BITCOUNT', part)
      if n >= k then
        rest, part = part, rest
      elseif n > 0 then
        first_of(part, n, found)
        call('BITOP', 'XOR', rest, rest, part)
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
