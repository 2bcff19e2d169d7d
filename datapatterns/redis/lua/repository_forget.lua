-- Returns how many entries were removed: call again until there are none.
--
-- KEYS: the index, the notes on indexes. ARGV: the index's name, how many entries at most.
redis.call('ZCARD', KEYS[1]) -- a key of another type must be found before the first write
redis.call('HDEL', KEYS[2], ARGV[1])
local removed = 0
for _, kind in ipairs({'e', 'm'}) do
  local base = kind .. ARGV[1]
  local found = redis.call('ZRANGEBYLEX', KEYS[1], '[' .. base, '(' .. base .. '\255', 'LIMIT', 0, ARGV[2])
  for _, member in ipairs(found) do redis.call('ZREM', KEYS[1], member) end
  removed = removed + #found
end
return removed
