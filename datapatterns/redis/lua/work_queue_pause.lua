-- Returns 1, after handing out was stopped or allowed.
--
-- KEYS: jobs ready wake seat (see work_queue_turn.lua)
-- ARGV: request number, milliseconds to remember it, '1' to pause or '0' to resume
local jobs, ready, wake, seat = unpack(KEYS)
local number, keep, paused = tonumber(ARGV[1]), ARGV[2], ARGV[3] == '1'

-- Look at every key before the first write: one of a wrong type then stops it all.
redis.call('HLEN', jobs)
local known = redis.call('GET', seat)
local waiting = redis.call('ZCARD', ready)
redis.call('LLEN', wake)

if known then
  local last = cmsgpack.unpack(known)
  if number < last then return redis.error_reply('DP_LATE a later request was served') end
  if number == last then return 1 end
end

if paused then
  redis.call('HSET', jobs, 'm:paused', 1)
else
  redis.call('HDEL', jobs, 'm:paused')
  if waiting > 0 and redis.call('LLEN', wake) == 0 then
    redis.call('RPUSH', wake, 1)
    redis.call('PEXPIRE', wake, 60000)
  end
end
redis.call('SET', seat, cmsgpack.pack(number, 1), 'PX', keep)
return 1
