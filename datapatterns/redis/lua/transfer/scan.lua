-- Returns the next cursor ('0' at the end), then some of the hash's fields that match the pattern.
--
-- KEYS: the hash. ARGV: the cursor, the pattern, about how many fields to look at.
--
-- This is a script for the reason given in groups/scan.lua.
local reply = redis.call('HSCAN', KEYS[1], ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
local found = {reply[1]}
for n = 1, #reply[2], 2 do found[#found + 1] = reply[2][n] end
return found
