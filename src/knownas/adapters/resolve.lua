-- Stage 1's commit of one chunk, or of all chunks of a poll where owner rows are to be written. KEYS: the partitions'
-- `at`; ARGV[1]: MessagePack of {looks, chunks, number, intents}. `looks` are {key, expected, new, ...}, in the order of decision: the
-- owner rows that the decisions rest on ('' for none) and what to write in their place ('' for nothing). A chunk is
-- {token, position this worker believes in, pos, origins, outcomes, ids, facts, marks, old, key of figures, figures}:
-- facts, marks, old and figures are {key, value, ...}, {key, {field, value, ...}, ...}, {key, ...} and {field, value,
-- ...}. Writes all or nothing. Returns whether it wrote, then
-- for each chunk whether token and position are the stored ones: where not, the partition belongs to somebody else
-- now, or was taken anew. In a cluster owner rows lie in other slots: there it is one chunk without looks, and if it
-- takes rows it has a number, above 0, and their intents (`intents.py`), kept beside the position; where somebody
-- aborted that number nothing is written.
local call = redis.call
local work = cmsgpack.unpack(ARGV[1])
local looks, chunks, number, intents = work[1], work[2], work[3], work[4]
local answer = {1}
for n = 1, #KEYS do
  local held = call('HMGET', KEYS[n], 'token', 'pos')
  if held[1] == chunks[n][1] and held[2] == chunks[n][2] then
    answer[n + 1] = 1
  else
    answer[n + 1], answer[1] = 0, 0
  end
end

local written = {}
for i = 1, #looks, 3 do
  local key = looks[i]
  if (written[key] or call('GET', key) or '') ~= looks[i + 1] then
    answer[1] = 0
    break
  end
  if looks[i + 2] ~= '' then written[key] = looks[i + 2] end
end
if number > 0 and tonumber(call('HGET', KEYS[1], 'aborted') or '0') >= number then answer[1] = 0 end
if answer[1] == 0 then return answer end

if number > 0 then call('HSET', KEYS[1], 'txn', chunks[1][1] .. ':' .. number, 'intents', intents) end
for key, value in pairs(written) do call('SET', key, value) end
for n = 1, #KEYS do
  local chunk = chunks[n]
  local facts, marks, old = chunk[7], chunk[8], chunk[9]
  for i = 1, #facts, 4000 do
    call('MSET', unpack(facts, i, math.min(i + 3999, #facts)))
  end
  for i = 1, #marks, 2 do
    local fields = marks[i + 1]
    for j = 1, #fields, 4000 do
      call('HSET', marks[i], unpack(fields, j, math.min(j + 3999, #fields)))
    end
  end
  for i = 1, #old do call('UNLINK', old[i]) end
  if #chunk[11] > 0 then call('HSET', chunk[10], unpack(chunk[11])) end
  call('HSET', KEYS[n], 'pos', chunk[3], 'origins', chunk[4], 'outcomes', chunk[5], 'ids', chunk[6])
end
return answer
