-- Returns 1 if the lease still held and was extended, else 0.
--
-- KEYS: a sorted set of tokens by the microsecond at which their leases end. ARGV: the token, for how
-- many microseconds from now to hold it.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not ends or tonumber(ends) <= now then return 0 end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
redis.call('PEXPIRE', KEYS[1], math.ceil((last - now) / 1000) + 1)
return 1
