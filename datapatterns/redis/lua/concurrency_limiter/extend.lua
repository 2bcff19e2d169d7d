-- Returns 1 if the lease was still held and is extended now, else 0.
--
-- KEYS: a sorted set of the holders' tokens by the microsecond at which their leases end. ARGV: the
-- holder's token, for how many microseconds from now to hold the lease.
-- include ../_now.lua
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not ends or tonumber(ends) <= now then return 0 end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
-- include _expire.lua
return 1
