-- Returns {ready, delayed, leased, dead, requeued}; a delayed item that is due counts as ready.
--
-- KEYS: jobs, ready, delayed, leases, dead (see turn.lua)
local jobs, ready, delayed, leases, dead = unpack(KEYS)
-- include ../_now.lua
local due = redis.call('ZCOUNT', delayed, '-inf', now)
return {
  redis.call('ZCARD', ready) + due,
  redis.call('ZCARD', delayed) - due,
  redis.call('ZCARD', leases),
  redis.call('ZCARD', dead),
  tonumber(redis.call('HGET', jobs, 'm:requeued') or 0),
}
