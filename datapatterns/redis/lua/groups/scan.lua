-- Returns the next cursor ('0' at the end), then some members of the set.
--
-- KEYS: the set. ARGV: the cursor, and about how many members are wanted.
--
-- This is a script, because the client of a cluster may send plain SSCAN commands to different
-- replicas, and a cursor is valid only on the server that returned it.
local reply = redis.call('SSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
table.insert(reply[2], 1, reply[1])
return reply[2]
