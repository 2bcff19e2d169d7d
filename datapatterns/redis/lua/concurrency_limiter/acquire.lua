-- Returns 1 if a lease was given out, or 0 if as many are held as the limit allows.
--
-- KEYS: a sorted set of the holders' tokens by the microsecond at which their leases end. ARGV: the
-- new holder's token, the limit, the lease in microseconds.
-- include ../_now.lua
local current = string.format('%.0f', now)
if redis.call('ZCOUNT', KEYS[1], '(' .. current, '+inf') >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[3]), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', current)
-- include _expire.lua
return 1
