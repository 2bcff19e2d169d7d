-- Returns 1 when the queue is paused or resumed.
--
-- KEYS: jobs, ready, wake, seat (see turn.lua)
-- ARGV: the request's number, for how many milliseconds to remember it, '1' to pause or '0' to resume
local jobs, ready, wake, seat = unpack(KEYS)
local number, keep, paused = tonumber(ARGV[1]), ARGV[2], ARGV[3] == '1'

-- Use every key before the first write: a key of another type ends the script here.
redis.call('HLEN', jobs)
local known = redis.call('GET', seat)
local waiting = redis.call('ZCARD', ready)
redis.call('LLEN', wake)

-- include _repeated.lua

if paused then
  redis.call('HSET', jobs, 'm:paused', 1)
else
  redis.call('HDEL', jobs, 'm:paused')
  if waiting > 0 then
    -- include _wake.lua
  end
end
redis.call('SET', seat, cmsgpack.pack(number, 1), 'PX', keep)
return 1
