-- Whether anybody is in planes of a shard. KEYS[1]: the shard's `q:n`. ARGV: the prefix of its keys; names in MessagePack.
-- The answer is a figure for each: 1 or 0.
local tag, names, call, found = ARGV[1], cmsgpack.unpack(ARGV[2]), redis.call, {}
for i = 1, #names do
  found[i] = math.min(call('EXISTS', tag .. 'q:p' .. names[i], tag .. 'q:l' .. names[i]), 1)
end
return table.concat(found)
