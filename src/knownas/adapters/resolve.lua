-- Stage 1's commit of one chunk. KEYS[1]: the partition's `at`; ARGV: token, the position this worker believes in,
-- MessagePack of {pos, origins, outcomes, {key, value, ...}}. Returns 0 and writes nothing where token or position
-- is not the stored one: the partition belongs to somebody else now, or was taken anew.
local at, call = KEYS[1], redis.call
local held = call('HMGET', at, 'token', 'pos')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] then return 0 end
local write = cmsgpack.unpack(ARGV[3])
local facts = write[4]
for i = 1, #facts, 4000 do
  call('MSET', unpack(facts, i, math.min(i + 3999, #facts)))
end
call('HSET', at, 'pos', write[1], 'origins', write[2], 'outcomes', write[3])
return 1
