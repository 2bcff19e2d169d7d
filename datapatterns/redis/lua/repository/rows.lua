-- Returns {0, members}, or {1} if the index is not complete, or {2} if it has marks.
--
-- KEYS: the index set, the states of the indexes.
-- ARGV: the index's name, 'strict' or 'lax' (ignore marks), the command, both bounds in the order of
-- the command, the limit.
-- include _index.lua

-- include _ready.lua
return {0, redis.call(ARGV[3], index, ARGV[4], ARGV[5], 'LIMIT', 0, ARGV[6])}
