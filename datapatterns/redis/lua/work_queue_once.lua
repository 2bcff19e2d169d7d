-- Returns 1 to the first caller with this key within its time, also when it asks again; else 0.
--
-- KEYS: key
-- ARGV: the caller's token, milliseconds
local holder = redis.call('GET', KEYS[1])
if holder then return holder == ARGV[1] and 1 or 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
