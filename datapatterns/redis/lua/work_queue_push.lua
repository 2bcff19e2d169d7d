-- Returns how many of the items were queued: those whose ids were not there yet.
--
-- KEYS: jobs ready delayed wake seat (see work_queue_turn.lua)
-- ARGV: request number, milliseconds to remember it; then id, item, priority, delay for each item
local jobs, ready, delayed, wake, seat = unpack(KEYS)
local number, keep = tonumber(ARGV[1]), ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- Look at every key before the first write: one of a wrong type then stops it all.
local facts = redis.call('HMGET', jobs, 'm:paused', 'm:stamp')
local known = redis.call('GET', seat)
redis.call('ZCARD', ready)
redis.call('ZCARD', delayed)
redis.call('LLEN', wake)
local paused, stamp = facts[1], tonumber(facts[2] or 0)

if known then
  local last, count = cmsgpack.unpack(known)
  if number < last then return redis.error_reply('DP_LATE a later request was served') end
  if number == last then return count end
end

local count = 0
for at = 3, #ARGV, 4 do
  local id, item, priority, delay = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  if redis.call('HEXISTS', jobs, 's' .. id) == 0 then
    -- Behind everything pushed before, even when the clock has been set back.
    stamp = math.max(now, stamp + 1)
    local place = priority .. string.format('%016.0f', delay > 0 and now + delay or stamp)
    redis.call('HSET', jobs, 's' .. id, cmsgpack.pack(0, now, place, 0, ''), 'i' .. id, item)
    if delay > 0 then
      redis.call('ZADD', delayed, now + delay, place .. id)
    else
      redis.call('ZADD', ready, 0, place .. id)
    end
    count = count + 1
  end
end
if count > 0 then
  redis.call('HSET', jobs, 'm:stamp', string.format('%.0f', stamp))
  if not paused and redis.call('LLEN', wake) == 0 then
    redis.call('RPUSH', wake, 1)
    redis.call('PEXPIRE', wake, 60000)
  end
end
redis.call('SET', seat, cmsgpack.pack(number, count), 'PX', keep)
return count
