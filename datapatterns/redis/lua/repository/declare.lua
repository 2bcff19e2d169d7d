-- Returns the states of these indexes, after storing a first state for those that had none.
--
-- KEYS: the states of the indexes. ARGV: for each index its name and its first state.
local found = {}
for n = 1, #ARGV, 2 do
  redis.call('HSETNX', KEYS[1], ARGV[n], ARGV[n + 1])
  found[#found + 1] = redis.call('HGET', KEYS[1], ARGV[n])
end
return found
