-- Claims of one poll, in the order of decision. ARGV[1]: MessagePack of {{{key, expected, new}, ...}, ...}, one inner list a
-- record: every identity it decided on, the owner row it assumed ('' for none) and the row to write ('' for none).
-- A record's claims are written all or none. Stops at the first record whose assumptions do not hold and returns how
-- many were written; what that record and those after it decided must be decided again.
local records = cmsgpack.unpack(ARGV[1])
local call = redis.call
for n = 1, #records do
  local lines = records[n]
  for i = 1, #lines do
    if (call('GET', lines[i][1]) or '') ~= lines[i][2] then return n - 1 end
  end
  for i = 1, #lines do
    if lines[i][3] ~= '' then call('SET', lines[i][1], lines[i][3]) end
  end
end
return #records
