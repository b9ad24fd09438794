-- Put or remove the definition of a live segment, if that may be: KEYS[1]: the hash of definitions; ARGV: the field of
-- the segment, its query as JSON (empty: remove it), '1' where one that is there may be replaced. Returns the new
-- version, or 0. A definition is the version, a colon and the query, which is empty once the segment is removed.
local held = redis.call('HGET', KEYS[1], ARGV[1])
local is_there = held and held:sub(-1) ~= ':'
if ARGV[2] == '' and not is_there then return 0 end
if ARGV[2] ~= '' and is_there and ARGV[3] ~= '1' then return 0 end
local version = redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('HSET', KEYS[1], ARGV[1], version .. ':' .. ARGV[2])
return version
