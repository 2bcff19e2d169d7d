-- Returns {0, count}, or {1} if the index is not complete, or {2} if it has marks.
--
-- KEYS: the index set, the states of the indexes.
-- ARGV: the index's name, 'strict' or 'lax' (ignore marks), the lower and the upper bound.
-- include _index.lua

-- include _ready.lua
return {0, redis.call('ZLEXCOUNT', index, ARGV[3], ARGV[4])}
