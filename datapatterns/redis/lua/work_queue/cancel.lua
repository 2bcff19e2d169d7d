-- Returns 1 if there was an item of this id, which is gone now, else 0.
--
-- KEYS: jobs, ready, delayed, leases, dead, seat (see turn.lua)
-- ARGV: the request's number, for how many milliseconds to remember it, the id
local jobs, ready, delayed, leases, dead, seat = unpack(KEYS)
local number, keep, id = tonumber(ARGV[1]), ARGV[2], ARGV[3]

-- Use every key before the first write: a key of another type ends the script here.
local state = redis.call('HGET', jobs, 's' .. id)
local known = redis.call('GET', seat)
for _, key in ipairs({ready, delayed, leases, dead}) do redis.call('ZCARD', key) end

-- include _repeated.lua

local found = 0
if state then
  -- The state goes last: until then the call can be repeated.
  local _, _, order = cmsgpack.unpack(state)
  redis.call('ZREM', ready, order .. id)
  redis.call('ZREM', delayed, order .. id)
  redis.call('ZREM', leases, id)
  redis.call('ZREM', dead, id)
  redis.call('HDEL', jobs, 's' .. id, 'i' .. id, 'e' .. id)
  found = 1
end
redis.call('SET', seat, cmsgpack.pack(number, found), 'PX', keep)
return found
