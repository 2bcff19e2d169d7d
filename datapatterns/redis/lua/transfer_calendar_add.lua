-- Returns 1 when the hashes were stored, or 0, having changed nothing, if the first one is there.
--
-- KEYS: hashes of one subject of a calendar counter, its `all` first. ARGV: of each hash the second
-- at which it ends ('' for never), how many arguments follow, and those: fields and values.
for _, key in ipairs(KEYS) do redis.call('HLEN', key) end -- refuses another type before all writes
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
