-- Returns how many of the members were new in the group.
--
-- KEYS: the set of the group's members, then for each member the set of its groups. ARGV: the group,
-- then the members in the same order.
for _, key in ipairs(KEYS) do
  redis.call('SCARD', key) -- a key of another type ends the script before the first write
end
local new = 0
for i = 2, #KEYS do
  new = new + redis.call('SADD', KEYS[1], ARGV[i])
  redis.call('SADD', KEYS[i], ARGV[1])
end
return new
