-- Returns how many of the items were queued: those whose ids were not in the queue yet.
--
-- KEYS: jobs, ready, delayed, wake, seat (see turn.lua)
-- ARGV: the request's number, for how many milliseconds to remember it; then for each item its id,
-- JSON, priority (10 digits, reversed) and delay in microseconds.
local jobs, ready, delayed, wake, seat = unpack(KEYS)
local number, keep = tonumber(ARGV[1]), ARGV[2]
-- include ../_now.lua

-- Use every key before the first write: a key of another type ends the script here.
local facts = redis.call('HMGET', jobs, 'm:paused', 'm:stamp')
local known = redis.call('GET', seat)
redis.call('ZCARD', ready)
redis.call('ZCARD', delayed)
redis.call('LLEN', wake)
local paused, stamp = facts[1], tonumber(facts[2] or 0)

-- include _repeated.lua

local count = 0
for at = 3, #ARGV, 4 do
  local id, item, priority, delay = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  if redis.call('HEXISTS', jobs, 's' .. id) == 0 then
    -- An item comes behind all those pushed before it, also when the clock was set back.
    stamp = math.max(now, stamp + 1)
    local order = priority .. string.format('%016.0f', delay > 0 and now + delay or stamp)
    redis.call('HSET', jobs, 's' .. id, cmsgpack.pack(0, now, order, 0, ''), 'i' .. id, item)
    if delay > 0 then
      redis.call('ZADD', delayed, now + delay, order .. id)
    else
      redis.call('ZADD', ready, 0, order .. id)
    end
    count = count + 1
  end
end
if count > 0 then
  redis.call('HSET', jobs, 'm:stamp', string.format('%.0f', stamp))
  if not paused then
    -- include _wake.lua
  end
end
redis.call('SET', seat, cmsgpack.pack(number, count), 'PX', keep)
return count
