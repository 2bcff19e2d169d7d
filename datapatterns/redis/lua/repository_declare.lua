-- Returns the notes on these indexes, written now where there were none.
--
-- KEYS: the notes on indexes. ARGV: of each index its name and a first note.
local found = {}
for n = 1, #ARGV, 2 do
  redis.call('HSETNX', KEYS[1], ARGV[n], ARGV[n + 1])
  found[#found + 1] = redis.call('HGET', KEYS[1], ARGV[n])
end
return found
