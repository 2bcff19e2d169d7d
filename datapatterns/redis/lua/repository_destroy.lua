-- Returns 'ok', or refuses with DP_MISSING or DP_STALE.
--
-- KEYS: the index, the notes on indexes, the document.
-- ARGV: the revision it must have ('' for any), its id, its packed id.
local index, notes, doc = KEYS[1], KEYS[2], KEYS[3]
local before = redis.call('HMGET', doc, '_rev', '_entries')
redis.call('ZCARD', index) -- a key of another type must be found before the first write
local names = redis.call('HKEYS', notes)
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
