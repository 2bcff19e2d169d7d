-- Returns how many entries were removed: those whose document does not exist.
--
-- KEYS: the index set, each document. ARGV: the entry of each document.
local removed = 0
for n = 2, #KEYS do
  if redis.call('EXISTS', KEYS[n]) == 0 then
    removed = removed + redis.call('ZREM', KEYS[1], ARGV[n - 1])
  end
end
return removed
