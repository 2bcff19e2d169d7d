-- Returns what the counter had, as a string, or nil; it is gone then, which reads as 0.
--
-- KEYS: the counter.
local value = redis.call('GET', KEYS[1])
if not value then return nil end
if not string.match(value, '^-?%d+$') then
    return redis.error_reply('DP_CORRUPTED not a whole number')
end
redis.call('DEL', KEYS[1])
return value
