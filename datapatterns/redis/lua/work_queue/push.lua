-- Returns how many of the items were queued: those whose ids were neither in the queue nor remembered.
--
-- KEYS: jobs, ready, delayed, wake (see turn.lua), for each id that is not a fresh one the key that
-- exists while it is remembered, seat
-- ARGV: the request's number, for how many milliseconds to remember it; then for each item its id,
-- JSON, priority (10 digits, reversed), delay in microseconds, and for how many milliseconds to
-- remember the id, 0 for not at all, -1 for a fresh id.
local jobs, ready, delayed, wake = unpack(KEYS)
local number, keep, seat = tonumber(ARGV[1]), ARGV[2], KEYS[#KEYS]
local PUSHED, ITEM = 5, 5 -- the first key of an id, and the number of values for each item
-- include ../_now.lua

-- Use every key before the first write: a key of another type ends the script here.
local facts = redis.call('HMGET', jobs, 'm:paused', 'm:stamp')
local known = redis.call('GET', seat)
redis.call('ZCARD', ready)
redis.call('ZCARD', delayed)
redis.call('LLEN', wake)
local remembered = {}
for at = PUSHED, #KEYS - 1 do remembered[at] = redis.call('EXISTS', KEYS[at]) == 1 end
local paused, stamp = facts[1], tonumber(facts[2] or 0)

-- include _repeated.lua

local count, pushed = 0, PUSHED - 1
for at = 3, #ARGV, ITEM do
  local id, item, priority, delay = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local remember = tonumber(ARGV[at + 4])
  if remember >= 0 then pushed = pushed + 1 end
  local known_id = remember >= 0 and remembered[pushed]
  if not known_id and redis.call('HEXISTS', jobs, 's' .. id) == 0 then
    -- An item comes behind all those pushed before it, also when the clock was set back.
    stamp = math.max(now, stamp + 1)
    local order = priority .. string.format('%016.0f', delay > 0 and now + delay or stamp)
    if delay > 0 then
      redis.call('ZADD', delayed, now + delay, order .. id)
    else
      redis.call('ZADD', ready, 0, order .. id)
    end
    redis.call('HSET', jobs, 's' .. id, cmsgpack.pack(0, now, order, 0, ''), 'i' .. id, item)
    count = count + 1
  end
  -- Behind the item, so that an id is never remembered that was not queued.
  if remember > 0 and not known_id then redis.call('SET', KEYS[pushed], 1, 'PX', remember) end
end
if count > 0 then
  redis.call('HSET', jobs, 'm:stamp', string.format('%.0f', stamp))
  if not paused then
    -- include _wake.lua
  end
end
redis.call('SET', seat, cmsgpack.pack(number, count), 'PX', keep)
return count
