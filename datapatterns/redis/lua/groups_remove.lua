-- Returns how many of the members were in the group.
--
-- KEYS: the group's members, then for each member the groups it is in. ARGV: the group, then the
-- members in the same order.
for _, key in ipairs(KEYS) do
  redis.call('SCARD', key) -- refuses another type before anything is written
end
local gone = 0
for i = 2, #KEYS do
  gone = gone + redis.call('SREM', KEYS[1], ARGV[i])
  redis.call('SREM', KEYS[i], ARGV[1])
end
return gone
