-- Returns {state, attempts, when it was pushed, last error, when it is due or 0}, or an empty array if
-- there is no item of this id. A delayed item that is due is ready.
--
-- KEYS: jobs, delayed, dead (see turn.lua)
-- ARGV: the id
local jobs, delayed, dead = unpack(KEYS)
local id = ARGV[1]
-- include ../_now.lua
local state, text = unpack(redis.call('HMGET', jobs, 's' .. id, 'e' .. id))
if not state then return {} end
local attempts, pushed, order, _, holder = cmsgpack.unpack(state)
local where, due = 'ready', 0
if holder ~= '' then
  where = 'leased'
elseif redis.call('ZSCORE', dead, id) then
  where = 'dead'
else
  local at = tonumber(redis.call('ZSCORE', delayed, order .. id) or 0)
  if at > now then where, due = 'delayed', at end
end
return {where, attempts, pushed, text or '', due}
