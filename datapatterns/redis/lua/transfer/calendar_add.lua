-- Returns 1 if the hashes were stored, or 0, having changed nothing, if the first one exists.
--
-- KEYS: the hashes of one subject of a calendar counter, its `all` first. ARGV: for each hash the
-- second at which it expires ('' for never), how many arguments follow, and its fields and values.
for _, key in ipairs(KEYS) do redis.call('HLEN', key) end -- a key of another type ends the script here
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local at = 1
for _, key in ipairs(KEYS) do
  local ends, count = ARGV[at], tonumber(ARGV[at + 1])
  for from = at + 2, at + 1 + count, 1000 do
    redis.call('HSET', key, unpack(ARGV, from, math.min(from + 999, at + 1 + count)))
  end
  if ends ~= '' then redis.call('EXPIREAT', key, ends) end
  at = at + 2 + count
end
return 1
