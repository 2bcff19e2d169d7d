-- Returns how many of the members were in the group.
--
-- KEYS: the set of the group's members, then for each member the set of its groups. ARGV: the group,
-- then the members in the same order.
for _, key in ipairs(KEYS) do
  redis.call('SCARD', key) -- a key of another type ends the script before the first write
end
local gone = 0
for i = 2, #KEYS do
  gone = gone + redis.call('SREM', KEYS[1], ARGV[i])
  redis.call('SREM', KEYS[i], ARGV[1])
end
return gone
