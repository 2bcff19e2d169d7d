-- Returns the counter's value as a string, or nil if it is not stored, and removes the counter.
--
-- KEYS: the counter.
local value = redis.call('GET', KEYS[1])
if not value then return nil end
if not string.match(value, '^-?%d+$') then
    return redis.error_reply('DP_CORRUPTED not a whole number')
end
redis.call('DEL', KEYS[1])
return value
