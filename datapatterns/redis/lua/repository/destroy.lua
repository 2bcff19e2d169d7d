-- Returns 'ok', or an error with the code DP_MISSING or DP_STALE.
--
-- KEYS: the index set, the states of the indexes, the document.
-- ARGV: the revision that must be stored ('' for any), the id, the packed id.
local index, states, doc = KEYS[1], KEYS[2], KEYS[3]
local before = redis.call('HMGET', doc, '_rev', '_entries')
redis.call('ZCARD', index) -- a key of another type ends the script before the first write
local names = redis.call('HKEYS', states)
if redis.call('EXISTS', doc) == 0 then return redis.error_reply('DP_MISSING no such document') end
if ARGV[1] ~= '' and (before[1] or '0') ~= ARGV[1] then
  return redis.error_reply('DP_STALE another revision is stored')
end
redis.call('DEL', doc)
redis.call('ZREM', index, 'd' .. ARGV[2])
for _, entry in ipairs(before[2] and cmsgpack.unpack(before[2]) or {}) do
  redis.call('ZREM', index, entry)
end
for _, name in ipairs(names) do redis.call('ZREM', index, 'm' .. name .. ARGV[3]) end
return 'ok'
