-- Returns for each id {JSON, last error, attempts, most attempts, when it was pushed, order, 1 if
-- leased, when it died or 0, 1 if it is ready}, or an empty array if there is no such item. The id ''
-- stands for the facts of the queue: {1 if it is paused, how many items were taken back}.
--
-- KEYS: jobs, ready, dead (see work_queue/turn.lua)
-- ARGV: the ids
local jobs, ready, dead = unpack(KEYS)
local found = {}
for n, id in ipairs(ARGV) do
  if id == '' then
    local paused, requeued = unpack(redis.call('HMGET', jobs, 'm:paused', 'm:requeued'))
    found[n] = {paused and 1 or 0, tonumber(requeued or 0)}
  else
    local state, item, text = unpack(redis.call('HMGET', jobs, 's' .. id, 'i' .. id, 'e' .. id))
    found[n] = {}
    if state and item then
      local attempts, pushed, order, max, holder = cmsgpack.unpack(state)
      local died = tonumber(redis.call('ZSCORE', dead, id) or 0)
      local is_ready = redis.call('ZSCORE', ready, order .. id) and 1 or 0
      local leased = died == 0 and holder ~= '' and 1 or 0
      found[n] = {item, text or '', attempts, max, pushed, order, leased, died, is_ready}
    end
  end
end
return found
