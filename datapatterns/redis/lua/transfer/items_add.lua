-- Returns how many of the items were added: those whose ids were not in the queue yet.
--
-- KEYS: jobs, ready, delayed, dead, wake (see work_queue/turn.lua)
-- ARGV: for each item its id, JSON, last error, attempts, most attempts, when it was pushed, order,
-- the time when it is due or died, and 'ready', 'delayed' or 'dead'. The id '' stands for the facts
-- of the queue: then the JSON is '1' if the queue is paused, and the error is how many items were
-- taken back.
local jobs, ready, delayed, dead, wake = unpack(KEYS)
local facts = redis.call('HMGET', jobs, 'm:paused', 'm:stamp', 'm:requeued')
-- Use every key before the first write: a key of another type ends the script here.
for _, key in ipairs({ready, delayed, dead}) do redis.call('ZCARD', key) end
redis.call('LLEN', wake)
local paused, stamp, requeued = facts[1], tonumber(facts[2] or 0), facts[3]
local new, hint, highest = 0, false, stamp

local function restore(id, item, text, attempts, max, pushed, order, moment, where)
  if redis.call('HEXISTS', jobs, 's' .. id) == 1 then return end
  local state = cmsgpack.pack(tonumber(attempts), tonumber(pushed), order, tonumber(max), '')
  if where == 'ready' then
    redis.call('ZADD', ready, 0, order .. id)
    highest = math.max(highest, tonumber(moment)) -- items pushed from now on come behind it
  elseif where == 'delayed' then
    redis.call('ZADD', delayed, moment, order .. id)
  else
    redis.call('ZADD', dead, moment, id)
  end
  if text ~= '' then redis.call('HSET', jobs, 'e' .. id, text) end
  redis.call('HSET', jobs, 's' .. id, state, 'i' .. id, item)
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
if hint and not paused then
  -- include ../work_queue/_wake.lua
end
return new
