-- Returns the server's time in milliseconds, then for each hash the milliseconds it has to live
-- (negative if it never ends or is not there), and its fields and values.
--
-- KEYS: hashes of one subject of a calendar counter.
local time = redis.call('TIME')
local found = {time[1] * 1000 + math.floor(time[2] / 1000)}
for _, key in ipairs(KEYS) do
  found[#found + 1] = {redis.call('PTTL', key), redis.call('HGETALL', key)}
end
return found
