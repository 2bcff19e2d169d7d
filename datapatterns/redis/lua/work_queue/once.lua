-- Returns 1 to the first caller with this key, also when that caller repeats it, else 0.
--
-- KEYS: the key
-- ARGV: the caller's token, for how many milliseconds to keep it
local holder = redis.call('GET', KEYS[1])
if holder then return holder == ARGV[1] and 1 or 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
