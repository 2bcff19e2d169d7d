-- Returns how many dead letters were queued again, behind the ready items: those of the ids, or, if
-- none are given, the oldest ones up to the limit.
--
-- KEYS: jobs, ready, dead, wake, seat (see turn.lua)
-- ARGV: the request's number, for how many milliseconds to remember it, the limit, ids
local jobs, ready, dead, wake, seat = unpack(KEYS)
local number, keep, limit = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
-- include ../_now.lua

-- Use every key before the first write: a key of another type ends the script here.
local facts = redis.call('HMGET', jobs, 'm:paused', 'm:stamp')
local known = redis.call('GET', seat)
redis.call('ZCARD', ready)
redis.call('ZCARD', dead)
redis.call('LLEN', wake)
local paused, stamp = facts[1], tonumber(facts[2] or 0)

-- include _repeated.lua

local ids = {}
for at = 4, #ARGV do table.insert(ids, ARGV[at]) end
if #ids == 0 and limit > 0 then ids = redis.call('ZRANGE', dead, 0, limit - 1) end
local count = 0
for _, id in ipairs(ids) do
  local state = redis.call('HGET', jobs, 's' .. id)
  if state and redis.call('ZSCORE', dead, id) then
    local _, pushed, order, max = cmsgpack.unpack(state)
    stamp = math.max(now, stamp + 1)
    order = string.sub(order, 1, 10) .. string.format('%016.0f', stamp)
    redis.call('ZADD', ready, 0, order .. id)
    redis.call('HSET', jobs, 's' .. id, cmsgpack.pack(0, pushed, order, max, ''))
    redis.call('HDEL', jobs, 'e' .. id)
    count = count + 1
  end
  redis.call('ZREM', dead, id)
end
if count > 0 then
  redis.call('HSET', jobs, 'm:stamp', string.format('%.0f', stamp))
  if not paused then
    -- include _wake.lua
  end
end
redis.call('SET', seat, cmsgpack.pack(number, count), 'PX', keep)
return count
