-- The profiles of people by their numbers in a shard's index.
-- KEYS[1]: the shard's `q:ids`. ARGV: the prefix of its keys; the numbers, three bytes each.
-- An answer for each: the profile in MessagePack, or false where nobody has the number.
local tag, packed, call, found = ARGV[1], ARGV[2], redis.call, {}
local hex = string.rep('%02x', 16)
for i = 1, #packed, 3 do
  local a, b, c = packed:byte(i, i + 2)
  local start = ((a * 256 + b) * 256 + c) * 16
  local id = call('GETRANGE', KEYS[1], start, start + 15)
  found[#found + 1] = #id == 16 and call('GET', tag .. 'p:' .. hex:format(id:byte(1, 16)))
end
return found
