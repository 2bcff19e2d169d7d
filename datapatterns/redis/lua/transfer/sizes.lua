-- Returns the sum of the sizes of the sets.
--
-- KEYS: the sets.
local size = 0
for _, key in ipairs(KEYS) do size = size + redis.call('SCARD', key) end
return size
