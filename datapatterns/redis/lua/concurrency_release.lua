-- Returns 1 if the lease still held and was given back, else 0.
--
-- KEYS: a sorted set of tokens by the microsecond at which their leases end. ARGV: the token.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not ends then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
return tonumber(ends) > now and 1 or 0
