-- Returns 1 if the lease was still held and is released now, else 0.
--
-- KEYS: a sorted set of the holders' tokens by the microsecond at which their leases end. ARGV: the
-- holder's token.
-- include ../_now.lua
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not ends then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
return tonumber(ends) > now and 1 or 0
