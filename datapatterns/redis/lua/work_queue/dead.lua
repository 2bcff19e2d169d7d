-- Returns {id, item, attempts, error, pushed, died} for each of the oldest dead letters.
--
-- KEYS: jobs, dead (see turn.lua)
-- ARGV: the limit
local jobs, dead = unpack(KEYS)
local letters = {}
local found = redis.call('ZRANGE', dead, 0, ARGV[1] - 1, 'WITHSCORES')
for at = 1, #found, 2 do
  local id = found[at]
  local state, item, text = unpack(redis.call('HMGET', jobs, 's' .. id, 'i' .. id, 'e' .. id))
  if state and item then
    local attempts, pushed = cmsgpack.unpack(state)
    table.insert(letters, {id, item, attempts, text or '', pushed, tonumber(found[at + 1])})
  end
end
return letters
