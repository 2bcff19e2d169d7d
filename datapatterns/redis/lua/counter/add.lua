-- Returns the counter's new value as a string; the first result again if the operation is repeated.
--
-- KEYS: the counter, the operation. ARGV: what to add, and for how many milliseconds the operation
-- is remembered.
local before = redis.call('GET', KEYS[2])
if before then return before end
redis.call('INCRBY', KEYS[1], ARGV[1]) -- an overflow of 64 bits ends the script here
-- Read as a string, since a Lua number is exact only up to 2^53.
local value = redis.call('GET', KEYS[1])
redis.call('SET', KEYS[2], value, 'PX', ARGV[2])
return value
