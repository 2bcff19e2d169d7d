-- Returns the states of these indexes, or the names of all indexes, as the primary has them.
--
-- KEYS: the states of the indexes. ARGV: the names of indexes, none for all names.
if #ARGV == 0 then return redis.call('HKEYS', KEYS[1]) end
return redis.call('HMGET', KEYS[1], unpack(ARGV))
