-- Returns the server's time in milliseconds, then for each hash its time to live in milliseconds
-- (negative if it does not expire or does not exist), and its fields and values.
--
-- KEYS: the hashes of one subject of a calendar counter.
local time = redis.call('TIME')
local found = {time[1] * 1000 + math.floor(time[2] / 1000)}
for _, key in ipairs(KEYS) do
  found[#found + 1] = {redis.call('PTTL', key), redis.call('HGETALL', key)}
end
return found
