-- Returns how many members the sets have together.
--
-- KEYS: sets.
local size = 0
for _, key in ipairs(KEYS) do size = size + redis.call('SCARD', key) end
return size
