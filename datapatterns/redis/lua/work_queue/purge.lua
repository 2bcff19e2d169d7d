-- Returns how many items were removed: first ready ones, then delayed, then dead, up to the limit.
--
-- KEYS: jobs, ready, delayed, dead, seat (see turn.lua)
-- ARGV: the request's number, for how many milliseconds to remember it, the limit
local jobs, ready, delayed, dead, seat = unpack(KEYS)
local number, keep, limit = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])

-- Use every key before the first write: a key of another type ends the script here.
redis.call('HLEN', jobs)
local known = redis.call('GET', seat)
for _, key in ipairs({ready, delayed, dead}) do redis.call('ZCARD', key) end

-- include _repeated.lua

local count = 0
for _, key in ipairs({ready, delayed, dead}) do
  local first = redis.call('ZRANGE', key, 0, limit - count - 1)
  for _, member in ipairs(first) do
    local id = key == dead and member or string.sub(member, 27)
    redis.call('HDEL', jobs, 's' .. id, 'i' .. id, 'e' .. id)
  end
  if #first > 0 then redis.call('ZREMRANGEBYRANK', key, 0, #first - 1) end
  count = count + #first
  if count == limit then break end
end
redis.call('SET', seat, cmsgpack.pack(number, count), 'PX', keep)
return count
