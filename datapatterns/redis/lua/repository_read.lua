-- Returns each document's fields and values, an empty array where there is none.
--
-- KEYS: the documents.
local found = {}
for n, key in ipairs(KEYS) do found[n] = redis.call('HGETALL', key) end
return found
