-- Returns each document's fields and values, an empty array for a document that does not exist.
--
-- KEYS: the documents.
local found = {}
for n, key in ipairs(KEYS) do found[n] = redis.call('HGETALL', key) end
return found
