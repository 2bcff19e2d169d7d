-- Returns how many entries and marks of the index were removed; call it again until that is 0.
--
-- KEYS: the index set, the states of the indexes. ARGV: the index's name, how many entries and how
-- many marks to remove at most.
redis.call('ZCARD', KEYS[1]) -- a key of another type ends the script before the first write
redis.call('HDEL', KEYS[2], ARGV[1])
local removed = 0
for _, kind in ipairs({'e', 'm'}) do
  local base = kind .. ARGV[1]
  local first, last = '[' .. base, '(' .. base .. '\255'
  local found = redis.call('ZRANGEBYLEX', KEYS[1], first, last, 'LIMIT', 0, ARGV[2])
  for _, member in ipairs(found) do redis.call('ZREM', KEYS[1], member) end
  removed = removed + #found
end
return removed
