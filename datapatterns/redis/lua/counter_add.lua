-- Returns the counter's new value as a string, or the one that this operation had before.
--
-- KEYS: the counter, the operation. ARGV: what to add, and for how many milliseconds the operation
-- is remembered.
local before = redis.call('GET', KEYS[2])
if before then return before end
redis.call('INCRBY', KEYS[1], ARGV[1]) -- refuses to leave 64 bits, and then nothing was done
-- Read back, since a Lua number is exact up to 2^53 only.
local value = redis.call('GET', KEYS[1])
redis.call('SET', KEYS[2], value, 'PX', ARGV[2])
return value
