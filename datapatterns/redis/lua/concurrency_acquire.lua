-- Returns 1 if a place was taken, else 0.
--
-- KEYS: a sorted set of tokens by the microsecond at which their leases end. ARGV: the token, how
-- many places there are, the lease in microseconds.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local current = string.format('%.0f', now)
if redis.call('ZCOUNT', KEYS[1], '(' .. current, '+inf') >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[3]), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', current)
-- As long as the longest lease in it, which need not be this one.
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
redis.call('PEXPIRE', KEYS[1], math.ceil((last - now) / 1000) + 1)
return 1
