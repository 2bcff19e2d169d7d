-- Returns the highest number ever given, as an integer.
-- KEYS: the key of the highest number. ARGV: the number.
local highest = tonumber(redis.call('GET', KEYS[1]))
if highest == nil or tonumber(ARGV[1]) > highest then
  redis.call('SET', KEYS[1], ARGV[1])
  return tonumber(ARGV[1])
end
return highest
