-- Returns how many of the items were new, and now are where they were elsewhere.
--
-- KEYS: jobs ready delayed dead wake (see work_queue_turn.lua).
-- ARGV: of each item id, item, error, attempts, max attempts, pushed, place, its moment (when it is
-- due, or when it died), 'ready', 'delayed' or 'dead'. The id '' stands for the facts of the queue:
-- then the item is '1' if it is paused, and the error how many items were taken back.
local jobs, ready, delayed, dead, wake = unpack(KEYS)
local facts = redis.call('HMGET', jobs, 'm:paused', 'm:stamp', 'm:requeued')
-- Look at every key before the first write: one of a wrong type then stops it all.
for _, key in ipairs({ready, delayed, dead}) do redis.call('ZCARD', key) end
redis.call('LLEN', wake)
local paused, stamp, requeued = facts[1], tonumber(facts[2] or 0), facts[3]
local new, hint, highest = 0, false, stamp

local function restore(id, item, text, attempts, max, pushed, place, moment, where)
  if redis.call('HEXISTS', jobs, 's' .. id) == 1 then return end
  local state = cmsgpack.pack(tonumber(attempts), tonumber(pushed), place, tonumber(max), '')
  redis.call('HSET', jobs, 's' .. id, state, 'i' .. id, item)
  if text ~= '' then redis.call('HSET', jobs, 'e' .. id, text) end
  if where == 'ready' then
    redis.call('ZADD', ready, 0, place .. id)
    highest = math.max(highest, tonumber(moment)) -- what is pushed from now on comes behind it
  elseif where == 'delayed' then
    redis.call('ZADD', delayed, moment, place .. id)
  else
    redis.call('ZADD', dead, moment, id)
  end
  hint, new = hint or where ~= 'dead', new + 1
end

for at = 1, #ARGV, 9 do
  if ARGV[at] ~= '' then
    restore(unpack(ARGV, at, at + 8))
  elseif not paused and not requeued then
    if ARGV[at + 1] == '1' then redis.call('HSET', jobs, 'm:paused', 1) end
    redis.call('HSET', jobs, 'm:requeued', ARGV[at + 2])
    paused, new = ARGV[at + 1] == '1', new + 1
  end
end
if highest > stamp then redis.call('HSET', jobs, 'm:stamp', string.format('%.0f', highest)) end
if hint and not paused and redis.call('LLEN', wake) == 0 then
  redis.call('RPUSH', wake, 1)
  redis.call('PEXPIRE', wake, 60000)
end
return new
