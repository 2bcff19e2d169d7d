-- Returns the next cursor ('0' at the end), then some members of the set.
--
-- KEYS: the set. ARGV: the cursor, and about how many members are wanted.
--
-- A script, since a cluster's client may send a plain SSCAN to the replicas in turn, and a cursor
-- means something to the server that gave it only.
local reply = redis.call('SSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
table.insert(reply[2], 1, reply[1])
return reply[2]
