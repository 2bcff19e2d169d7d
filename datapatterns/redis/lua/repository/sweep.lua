-- Returns how many entries were removed: those that their document does not list.
--
-- KEYS: the index set, each document. ARGV: the entry of each document.
local index = KEYS[1]

-- include _entries.lua

local removed = 0
for n = 2, #KEYS do
  local packed = redis.call('HGET', KEYS[n], '_entries')
  if not set_of(listed(packed))[ARGV[n - 1]] then
    removed = removed + redis.call('ZREM', index, ARGV[n - 1])
  end
end
return removed
